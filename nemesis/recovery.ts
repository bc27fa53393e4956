import { parseArgs } from 'node:util'
import { formatTable } from '../bench/table.ts'
import { measure } from './faults/measure.ts'
import type { Effect } from './faults/operation.ts'
import { startSubject, subjectNames, ways } from './faults/subjects.ts'

/** Measures how long clients wait for each engine after its faults, and prints a line for each engine, fault and duration. */

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: subjectNames.join() },
    faults: { type: 'string', default: 'kill,stop,refuse,swallow,lock,full' },
    seconds: { type: 'string', default: '1,10,30' },
    /** The longest time to the first success with which it exits with 0. */
    'max-ms': { type: 'string', default: 'Infinity' },
  },
})
const legend = `In seconds: how long after the end of the fault the engine's own client succeeds; then for each way the longest time
without a success, the first success after that of the engine's own client, and in brackets the last request that was sent
after that and failed, if it was later.`

const lines: string[][] = [['engine', 'fault', 's', 'back after', ...ways]]
let worstMs = 0
for (const name of values.engines.split(',')) await measureFaults(name)
process.stdout.write(`${['', ...formatTable(lines, [0, 1]), '', legend].join('\n')}\n`)
process.exit(worstMs <= Number(values['max-ms']) ? 0 : 1)

async function measureFaults(name: string): Promise<void> {
  const subject = await startSubject(name)
  try {
    for (const fault of values.faults
      .split(',')
      .filter((one) => subject.faults.some(({ name }) => name === one)))
      for (const seconds of values.seconds.split(',')) {
        const { backMs, effects } = await measure(subject, fault, Number(seconds) * 1_000)
        for (const { recoveryMs } of effects.values()) worstMs = Math.max(worstMs, recoveryMs)
        const line = [name, fault, seconds, inSeconds(backMs), ...ways.map((way) => cellOf(effects.get(way)))]
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
