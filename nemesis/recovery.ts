import { runProgram, UsageError } from '@quintet/backends/command-line'
import { formatTable } from '../bench/table.ts'
import { measure } from './faults/measure.ts'
import type { Effect } from './faults/operation.ts'
import { startSubject, subjectNames, ways } from './faults/subjects.ts'
import { parseRecoveryArguments, recoveryUsage } from './recovery-arguments.ts'
import type { RecoveryArguments } from './recovery-arguments.ts'

/** Measures how long clients wait for each engine after its faults, and prints a line for each engine, fault and duration. */

const legend = `In seconds: how long after the end of the fault the engine's own client succeeds; then for each way the longest time
without a success, the first success after that of the engine's own client, and in brackets the last request that was sent
after that and failed, if it was later.`

const lines: string[][] = [['engine', 'fault', 's', 'back after', ...ways]]
let worstMs = 0
await runProgram(recoveryUsage(subjectNames), async (args) => {
  const { engines, maxMs, ...settings } = parseRecoveryArguments(args, subjectNames)
  for (const name of engines) await measureFaults(name, settings)
  process.stdout.write(`${['', ...formatTable(lines, [0, 1]), '', legend].join('\n')}\n`)
  return worstMs <= maxMs
})
// What a fault has left open must not hold the process.
process.exit()

async function measureFaults(
  name: string,
  { faults, seconds }: Pick<RecoveryArguments, 'faults' | 'seconds'>,
): Promise<void> {
  const subject = await startSubject(name)
  try {
    const chosen = faults.filter((one) => subject.faults.some(({ name }) => name === one))
    if (chosen.length === 0)
      throw new UsageError(
        `${name} has none of these faults, but ${subject.faults.map(({ name }) => name).join(', ')}.`,
      )
    for (const fault of chosen)
      for (const duration of seconds) {
        const { backMs, effects } = await measure(subject, fault, duration * 1_000)
        for (const { recoveryMs } of effects.values()) worstMs = Math.max(worstMs, recoveryMs)
        const cells = ways.map((way) => cellOf(effects.get(way)))
        const line = [name, fault, String(duration), inSeconds(backMs), ...cells]
        lines.push(line)
        process.stdout.write(`${line.join('  ')}\n`)
      }
  } finally {
    await subject.close()
  }
}

function cellOf(effect: Effect | undefined): string {
  if (effect === undefined) return ''
  const { pauseMs, recoveryMs, lastFailureMs } = effect
  const later = lastFailureMs > recoveryMs ? ` (${inSeconds(lastFailureMs)})` : ''
  return `${inSeconds(pauseMs)} +${inSeconds(recoveryMs)}${later}`
}

function inSeconds(ms: number): string {
  return (ms / 1_000).toFixed(2)
}
