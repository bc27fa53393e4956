import { brokerageRules } from './checkers/brokerage-rules.ts'
import { checkRegister } from './checkers/check-register.ts'
import { checkLedger } from './checkers/ledger.ts'
import { checkNotifications } from './checkers/notifications.ts'
import { checkQueue } from './checkers/queue.ts'
import { byNumber } from './checkers/versions.ts'
import type { Violation } from './checkers/violation.ts'
import type { History } from './history.ts'
import { accountsOf, asOrders } from './recorded-orders.ts'
import { asChange, asPost, asRegister, deliveriesOf, storedOf } from './recorded.ts'

/** What a history shows about the promises of its kind. `undecided` are keys of which too many operations overlap. */
export type Verdict = { readonly violations: readonly Violation[]; readonly undecided: readonly string[] }

/**
 * How far a GUID's expiry may be from its second by the clock of the history, which is read once, at the start. A GUID may be found
 * gone a round trip before its second (docs/guarantees.md).
 */
const expiryToleranceNs = 250e6

const checkers: Readonly<Record<string, (history: History) => Verdict>> = {
  register: (history) =>
    checkRegister(asRegister(history), { compareVersions: byNumber, toleranceNs: expiryToleranceNs }),
  ledger: (history) => ({ violations: checkAccounts(history), undecided: [] }),
  queue: (history) => ({ violations: checkQueue(asPost(history), storedOf(history)), undecided: [] }),
  'ordered queue': (history) => ({
    violations: checkQueue(asPost(history), storedOf(history), { isOrdered: true }),
    undecided: [],
  }),
  notifications: (history) => ({
    violations: checkNotifications(asChange(history), deliveriesOf(history)),
    undecided: [],
  }),
}

/** Accounts that were not read at the end are not checked; that they could not be read is found by the run. */
function checkAccounts(history: History): Violation[] {
  const operations = Map.groupBy(asOrders(history), ({ key }) => key)
  return [...accountsOf(history)].flatMap(([key, account]) =>
    checkLedger(operations.get(key) ?? [], account, brokerageRules(account.opening)),
  )
}

/** Throws where there is no checker for the kind of history. */
export function checkHistory(history: History): Verdict {
  const check = Object.hasOwn(checkers, history.kind) ? checkers[history.kind] : undefined
  if (check !== undefined) return check(history)
  throw new Error(
    `the kind of history "${history.kind}" is unknown; there are ${Object.keys(checkers).join(', ')}`,
  )
}
