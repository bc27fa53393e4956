import { formatTable } from '../../bench/table.ts'
import { effectsOf } from './fault-effects.ts'
import type { Run } from './run-scenario.ts'
import { countOf, writeViolations } from '../violations.ts'

const shownMax = 10

/** The tables of a run: operations by result, faults by what they were for clients, and the verdict of each checker. */
export function reportOf(run: Run): string {
  return [operationsTable(run), faultsTable(run), verdicts(run)].filter((part) => part !== '').join('\n\n')
}

export function countViolations({ histories, violations }: Run): number {
  return histories.reduce((sum, history) => sum + history.violations.length, violations.length)
}

function operationsTable({ samples }: Run): string {
  const byCall = Map.groupBy(samples, ({ label }) => label.split(': ')[0] ?? '')
  const lines = [...byCall].map(([call, own]) => {
    const results = [...Map.groupBy(own, ({ label }) => label.split(': ')[1])]
    const counts = results.map(([result, same]) => `${result} ${same.length}`).toSorted()
    return [call, String(own.length), counts.join(', ')]
  })
  return formatTable([['operation', 'count', 'by result'], ...lines], [0, 2]).join('\n')
}

function faultsTable({ faults, samples }: Run): string {
  if (faults.length === 0) return ''
  const effects = effectsOf(faults, samples)
  const lines = effects.map(({ name, count, lastedMs, pauseMs, recoveryMs }) => [
    name,
    String(count),
    ...[lastedMs, pauseMs.read, pauseMs.write, recoveryMs].map(inSeconds),
  ])
  const head = ['fault', 'count', 'lasted', 'worst pause of reads', 'of writes', 'recovery']
  return `${formatTable([head, ...lines], [0]).join('\n')}

In seconds. A pause is the longest time without a success of any client; the recovery is the time from the end of the fault until
clients at every address had a success again, or the next fault.`
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? '' : (ms / 1_000).toFixed(2)
}

/** Writes the pictures of the violations. */
function verdicts({ histories, violations }: Run): string {
  const lines = histories.map(({ name, kind, operations, violations: found, undecided, file }) => {
    const open = undecided.length === 0 ? '' : `, ${undecided.length} keys undecided`
    return `${name} (${kind}): ${operations} operations, ${countOf(found.length)}${open}  ${file}\n${writeViolations(file, found.slice(0, shownMax))}`
  })
  const others = violations.map(({ key, message }) => `\n${key}: ${message}\n`)
  return `${lines.join('')}responses, processes and recovery: ${countOf(violations.length)}\n${others.join('')}`
}
