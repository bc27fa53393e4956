import { Counter, Gauge } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { AuditCounts } from './chain-writer.ts'

/** Exports how the audit log is written; the values are read at each scrape. */
export function exportAuditMetrics(registry: Metrics['registry'], counts: AuditCounts): void {
  const totals = {
    written: ['quintet_audit_lines_total', 'Lines of the audit log that were written.'],
    omitted: ['quintet_audit_lines_omitted_total', 'Lines that were lost, since the file was too slow.'],
    refusalsCounted: [
      'quintet_audit_refusals_counted_total',
      'Refusals without a line of their own, which are counted in one.',
    ],
    failures: ['quintet_audit_failures_total', 'Attempts to write to the file of the audit log that failed.'],
  } as const
  for (const member of ['written', 'omitted', 'refusalsCounted', 'failures'] as const) {
    const [name, help] = totals[member]
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(counts[member])
      },
    })
  }
  new Gauge({
    name: 'quintet_audit_waiting_lines',
    help: 'Lines of the audit log that wait for its file.',
    registers: [registry],
    collect() {
      this.set(counts.waiting())
    },
  })
  new Gauge({
    name: 'quintet_audit_lag_seconds',
    help: 'How long the oldest of these lines has waited.',
    registers: [registry],
    collect() {
      this.set(counts.lagMs() / 1_000)
    },
  })
}
