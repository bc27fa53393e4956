import { extname } from 'node:path'
import { pino } from 'pino'
import type { Clock } from '../clock/index.ts'
import { auditPlace, ConfigError } from '../config/index.ts'
import { namedFileFault } from '../files/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { openAuditFile } from './audit-file.ts'
import type { AuditSink } from './audit-file.ts'
import { createAuditLog } from './audit-log.ts'
import type { AuditLog } from './audit-log.ts'
import { beginning } from './chain.ts'
import { exportAuditMetrics } from './metrics.ts'

export type AuditParts = {
  readonly name: string
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Opens the audit log of a service. Throws a ConfigError for a file that cannot be used. */
export async function openAuditLogAt(
  place: string,
  isRequired: boolean,
  { name: service, clock, logger, metrics }: AuditParts,
): Promise<AuditLog> {
  const chain = metrics.worker === undefined ? service : `${service}.${metrics.worker}`
  const sink = place === 'stdout' ? standardOutput() : await openFile(auditFileOf(place, chain))
  const audit = createAuditLog(sink, { chain, isRequired, clock, logger })
  exportAuditMetrics(metrics.registry, audit.counts)
  return audit
}

/** The file of a chain: its name stands before the extension, since each process needs a file of its own for each of its services. */
function auditFileOf(path: string, chain: string): string {
  const extension = extname(path)
  return `${path.slice(0, path.length - extension.length)}.${chain}${extension}`
}

async function openFile(path: string): Promise<AuditSink> {
  return openAuditFile(path).catch((error: unknown) => {
    throw new ConfigError([namedFileFault('AUDIT_LOG', path, error, auditPlace)])
  })
}

/** Each line is written at once and as a whole, between those of the log. */
function standardOutput(): AuditSink {
  const stream = pino.destination({ dest: 1, sync: true })
  return {
    end: beginning,
    tornBytes: 0,
    append: async (text) => void stream.write(text),
    sync: async () => {},
    close: async () => {},
  }
}
