/**
 * What tries to break a promise: scenarios, each of which runs for `minutes`, by the faults of some kinds or of all; the faults of
 * subjects after which clients must succeed again in time; or test files whose diagnostics count what they tried.
 */
export type Attack =
  | { readonly scenarios: readonly string[]; readonly faults?: readonly string[]; readonly minutes: number }
  | { readonly recoveryOf: readonly string[] }
  | { readonly tests: readonly string[] }

const clocks = ['clock ahead', 'clock back']
const processes = ['kill', 'stop', 'terminate']

/** For each promise of docs/guarantees.md, by the anchor of its heading. Each takes less than five minutes. */
export const promises: Readonly<Record<string, Attack>> = {
  recovery: { recoveryOf: ['sqlite', 'service'] },
  'clocks-may-be-set': { scenarios: ['operations-embedded'], faults: clocks, minutes: 1 },
  'writes-are-durable': { scenarios: ['gateway'], faults: ['kill'], minutes: 1 },
  'shutdown-loses-nothing': { scenarios: ['gateway'], faults: ['terminate'], minutes: 1 },
  'a-rolling-restart-fails-no-request': { tests: ['test/guarantees/rolling-restart.test.ts'] },
  'a-backup-shows-one-instant': { tests: ['test/guarantees/backup.test.ts'] },
  'the-same-on-postgresql-mysql-dynamodb-redis-and-rabbitmq': {
    scenarios: ['guid-postgres', 'guid-mysql', 'brokerage-dynamodb', 'billing-rabbitmq'],
    minutes: 0.5,
  },
  'the-same-on-mongodb': { scenarios: ['guid-mongodb'], minutes: 1 },
  'no-stale-read': { scenarios: ['guid-postgres'], minutes: 1.5 },
  'one-winner': { scenarios: ['guid-embedded'], minutes: 1 },
  'versions-are-never-used-again': {
    scenarios: ['guid-embedded'],
    faults: [...clocks, ...processes],
    minutes: 1,
  },
  'expiry-is-exact': { scenarios: ['guid-embedded'], faults: [...clocks, 'lock', 'stop'], minutes: 1 },
  'retries-are-idempotent': {
    scenarios: ['gateway'],
    faults: ['kill', 'reset', 'cut', 'lose responses', 'drop responses'],
    minutes: 1,
  },
  'orders-of-an-account-are-serial': { scenarios: ['brokerage-embedded'], minutes: 1 },
  'accepted-operations-take-effect-once': { scenarios: ['operations-embedded'], minutes: 1 },
  'the-same-through-kafka': { scenarios: ['operations-kafka'], minutes: 1 },
  'changes-are-published': { scenarios: ['operations-embedded'], faults: processes, minutes: 1 },
  'a-posted-order-is-stored-exactly-once': { scenarios: ['gateway'], faults: processes, minutes: 1 },
  'a-retried-post-makes-no-second-order': { scenarios: ['gateway'], faults: ['kill', 'stop'], minutes: 1 },
  'notifications-are-delivered-at-least-once': { scenarios: ['certificates'], minutes: 1 },
  'secrets-never-leave': {
    tests: [
      'services/certificates/test/secrets.test.ts',
      'services/certificates/test/private-key-in-body.test.ts',
    ],
  },
  'a-sealed-key-opens-for-its-own-record-only': {
    tests: ['services/certificates/test/envelope.test.ts', 'services/certificates/test/rewrap.test.ts'],
  },
  'a-client-gets-the-response-to-its-own-request': {
    tests: [
      'services/gateway/test/differential/response-parser.test.ts',
      'services/gateway/test/differential/written-requests.test.ts',
      'services/gateway/test/request-smuggling.test.ts',
      'services/gateway/test/response-smuggling.test.ts',
    ],
  },
  'what-another-owns-does-not-exist': {
    tests: [
      'services/guid/test/ownership.test.ts',
      'services/brokerage/test/ownership.test.ts',
      'services/certificates/test/ownership.test.ts',
      'services/billing/test/ownership.test.ts',
    ],
  },
  'nothing-changes-without-its-line': { tests: ['test/guarantees/audit.test.ts'] },
  'everything-is-bounded': { tests: ['test/inputs.test.ts', 'test/slow/lists.test.ts'] },
  'hostile-clients-stop-nobody-else': { scenarios: ['hostile-clients'], minutes: 1.5 },
}

/** Such as `1 minute of gateway under kill`. */
export function describeAttack(attack: Attack): string {
  if ('tests' in attack) return `tests: ${attack.tests.join(', ')}`
  if ('recoveryOf' in attack) return `recovery of ${attack.recoveryOf.join(', ')} from each fault`
  const { scenarios, faults, minutes } = attack
  const under = faults === undefined ? 'all faults' : faults.join(', ')
  return `${minutes === 1 ? '1 minute' : `${minutes} minutes`} of ${scenarios.join(', ')} under ${under}`
}
