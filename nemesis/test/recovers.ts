import type { TestContext } from 'node:test'
import { measure, recoveryMsPromised, toleranceMs } from '../faults/measure.ts'
import { startSubject } from '../faults/subjects.ts'

/** Long enough for a backoff to have grown, and for connections to have been made that are half-open at the end. */
const faultMsDefault = 3_000

/** Each fault of the subject; its clients must succeed again soon after it can be used again. */
export async function recovers(
  t: TestContext,
  name: string,
  { faultMs = faultMsDefault, recoveryMs: promisedMs = recoveryMsPromised } = {},
): Promise<void> {
  const subject = await startSubject(name)
  t.after(() => subject.close())
  for (const { name: fault } of subject.faults) {
    const { effects } = await measure(subject, fault, faultMs)
    for (const [way, { recoveryMs }] of effects)
      t.assert.ok(
        recoveryMs <= promisedMs + toleranceMs,
        `${fault}: ${way} after ${Math.round(recoveryMs)} ms`,
      )
  }
}
