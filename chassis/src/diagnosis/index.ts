import { withTimeout } from '../clock/index.ts'
import { broken, good } from './port.ts'
import type { Diagnose, Finding } from './port.ts'

export * from './port.ts'
export { diagnoseTls, diagnoseTrust } from './tls.ts'
export { logUnusedStorage, unusedStorage } from './unused-storage.ts'

const timeoutMs = 10_000

/**
 * Examines the engine that a URL names: whether it is reachable, and whether it is configured as the guarantees require
 * (docs/operating.md). `own` examines an engine that only one service can use; `queues` are those of a broker that services use. Never
 * rejects: an engine that cannot be reached is a finding.
 */
export async function diagnose(
  url: string,
  { own, queues = [] }: { readonly own?: Diagnose | undefined; readonly queues?: readonly string[] } = {},
): Promise<Finding[]> {
  const scheme = url.slice(0, url.indexOf(':'))
  try {
    const examine = own ?? (await engines[scheme]?.())
    if (examine === undefined) return [broken(`There is no engine for "${scheme}:".`)]
    return await withTimeout(timeoutMs, examine(url, queues))
  } catch (error) {
    return [broken(`It cannot be examined: ${reasonOf(error)}`)]
  }
}

/** Examines the Redis in which limits are counted. Never rejects. */
export async function diagnoseLimits(url: string): Promise<Finding[]> {
  const { diagnoseLimitRedis } = await import('./redis.ts')
  return diagnose(url, { own: diagnoseLimitRedis })
}

/** Examines an issuer of tokens, whose keys are at `jwksUrl` if it has no discovery. Never rejects. */
export async function diagnoseIssuer(url: string, jwksUrl: string | undefined): Promise<Finding[]> {
  const { examineIssuer } = await import('./issuer.ts')
  return diagnose(url, { own: () => examineIssuer(url, jwksUrl) })
}

const memory = async (): Promise<Diagnose> => async () => [
  good('The cache is in the memory of each process, and needs no configuration.'),
]
const none = async (): Promise<Diagnose> => async () => [
  good('There is no cache: every read is one of the database.'),
]
const sqlite = async (): Promise<Diagnose> => (await import('./sqlite.ts')).diagnoseSqlite
const postgres = async (): Promise<Diagnose> => (await import('./postgres.ts')).diagnosePostgres
const mysql = async (): Promise<Diagnose> => (await import('./mysql.ts')).diagnoseMysql
const redis = async (): Promise<Diagnose> => (await import('./redis.ts')).diagnoseRedis
const amqp = async (): Promise<Diagnose> => (await import('./amqp.ts')).diagnoseAmqp
const kafka = async (): Promise<Diagnose> => (await import('./kafka.ts')).diagnoseKafka

const engines: Readonly<Record<string, () => Promise<Diagnose>>> = {
  sqlite,
  memory,
  none,
  postgres,
  postgresql: postgres,
  mysql,
  mariadb: mysql,
  redis,
  rediss: redis,
  amqp,
  amqps: amqp,
  kafka,
  kafkas: kafka,
}

/** A connection error states its reason in a code, or in one error per address; none contains the password. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  // That of fetch says nothing itself.
  if (error instanceof TypeError && error.cause instanceof Error) return reasonOf(error.cause)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return [error.message, error.message.includes(code) ? '' : `(${code})`].filter(Boolean).join(' ')
}
