import { withTimeout } from '../clock/index.ts'
import { broken, good } from './port.ts'
import type { Diagnose, Finding } from './port.ts'

export * from './port.ts'

const timeoutMs = 10_000

/**
 * Looks at the engine that a URL names: whether it answers, and whether it is set as the promises need it
 * (docs/operating.md); in the way of its `own`, where one service alone can use it. Never rejects: an engine that cannot be
 * reached is a finding.
 */
export async function diagnose(url: string, own?: Diagnose): Promise<Finding[]> {
  const scheme = url.slice(0, url.indexOf(':'))
  try {
    const look = own ?? (await engines[scheme]?.())
    if (look === undefined) return [broken(`There is no engine for "${scheme}:".`)]
    return await withTimeout(timeoutMs, look(url))
  } catch (error) {
    return [broken(`It cannot be looked at: ${reasonOf(error)}`)]
  }
}

const embedded = async (): Promise<Diagnose> => async () => [
  good('Embedded: in this process and its files, set as the promises need it.'),
]
const postgres = async (): Promise<Diagnose> => (await import('./postgres.ts')).diagnosePostgres
const mysql = async (): Promise<Diagnose> => (await import('./mysql.ts')).diagnoseMysql
const redis = async (): Promise<Diagnose> => (await import('./redis.ts')).diagnoseRedis
const amqp = async (): Promise<Diagnose> => (await import('./amqp.ts')).diagnoseAmqp
const kafka = async (): Promise<Diagnose> => (await import('./kafka.ts')).diagnoseKafka

const engines: Readonly<Record<string, () => Promise<Diagnose>>> = {
  sqlite: embedded,
  memory: embedded,
  none: embedded,
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

/** Errors of connections have their sense in a code or in the errors of each address; none of them has the password. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return [error.message, error.message.includes(code) ? '' : `(${code})`].filter(Boolean).join(' ')
}
