import { measure, recoveryMsPromised, toleranceMs } from '../faults/measure.ts'
import type { Measurement } from '../faults/measure.ts'
import { startSubject } from '../faults/subjects.ts'
import type { Sample } from './samples.ts'
import type { Run } from './run-scenario.ts'
import type { MadeFault } from './schedule.ts'
import type { Violation } from '../checkers/violation.ts'

/** Long enough for a backoff to have grown. */
const faultMs = 3_000

/** Each fault of the subjects once. A first success that comes later than is promised is a violation. */
export async function runRecovery(subjectNames: readonly string[]): Promise<Run> {
  const startedAt = performance.now()
  const samples: Sample[] = []
  const faults: MadeFault[] = []
  const violations: Violation[] = []
  for (const name of subjectNames) {
    const subject = await startSubject(name)
    try {
      for (const { name: fault } of subject.faults) {
        const measured = await measure(subject, fault, faultMs)
        const named = `${name}: ${fault}`
        const since = (at: number) => at - startedAt
        faults.push({
          name: named,
          step: faults.length,
          beganMs: since(measured.beganAt),
          endedMs: since(measured.backAt),
        })
        samples.push(...samplesOf(measured, since))
        violations.push(...lateOf(named, measured))
      }
    } finally {
      await subject.close()
    }
  }
  return {
    scenario: `recovery of ${subjectNames.join(', ')}`,
    faults,
    samples: samples.toSorted((one, other) => one.endedMs - other.endedMs),
    histories: [],
    violations,
  }
}

function samplesOf({ samples }: Measurement, since: (at: number) => number): Sample[] {
  return [...samples].flatMap(([way, ofWay]) => {
    const [address = '', kind] = way.split(' ')
    return ofWay.map(
      ({ sentAt, endedAt, succeeded }): Sample => ({
        address,
        kind: kind === 'read' ? 'read' : 'write',
        label: `${way}: ${succeeded ? 'done' : 'refused'}`,
        outcome: succeeded ? 'ok' : 'fail',
        sentMs: since(sentAt),
        endedMs: since(endedAt),
      }),
    )
  })
}

function lateOf(fault: string, { effects }: Measurement): Violation[] {
  return [...effects].flatMap(([way, { recoveryMs }]) =>
    recoveryMs <= recoveryMsPromised + toleranceMs
      ? []
      : [{ key: fault, message: `${way} after ${Math.round(recoveryMs)} ms`, operations: [] }],
  )
}
