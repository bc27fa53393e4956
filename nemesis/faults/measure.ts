import { setTimeout as pause } from 'node:timers/promises'
import { effectOf, observe } from './operation.ts'
import type { Effect, Observation, Sample } from './operation.ts'
import { ways } from './subjects.ts'
import type { Subject, Way } from './subjects.ts'

const engineEveryMs = 50
const beforeMs = 1_500
/** How long each operation must have succeeded for the end of the observation, and the longest wait for that. */
const steadyMs = 2_000
const steadyWithinMs = 40_000

/** The time that is promised, and what a busy machine adds. */
export const recoveryMsPromised = 1_000
export const toleranceMs = 500

/** Times are those of `performance.now()`. */
export type Measurement = {
  readonly beganAt: number
  /** When the engine's own client succeeded after the fault. */
  readonly backAt: number
  readonly samples: ReadonlyMap<Way, readonly Sample[]>
  /** From the end of the fault until the engine's own client succeeded. */
  readonly backMs: number
  readonly effects: ReadonlyMap<Way, Effect>
}

/** Makes a fault that lasts so long, while clients use the subject in all of its ways, and waits until all succeed again. */
export async function measure(subject: Subject, faultName: string, ms: number): Promise<Measurement> {
  const fault = subject.faults.find(({ name }) => name === faultName)
  if (fault === undefined) throw new Error(`There is no fault ${faultName} here.`)
  const observed = new Map<Way, Observation>()
  for (const way of ways) {
    const operation = subject.operations[way]
    if (operation !== undefined) observed.set(way, observe(operation, subject.everyMs))
  }
  await pause(beforeMs)
  const beganAt = performance.now()
  await fault.begin()
  await pause(ms)
  const endsAt = performance.now()
  const engine = observe(subject.isBack, engineEveryMs)
  await fault.end()
  const backAt = await firstSuccess(engine, endsAt)
  await engine.stop()
  await untilSteady([...observed.values()])
  const effects = new Map(
    [...observed].map(([way, { samples }]) => [way, effectOf(samples, beganAt, backAt)]),
  )
  await Promise.all([...observed.values()].map((one) => one.stop()))
  const samples = new Map([...observed].map(([way, one]) => [way, one.samples]))
  return { beganAt, backAt, backMs: backAt - endsAt, samples, effects }
}

async function firstSuccess({ samples }: Observation, after: number): Promise<number> {
  for (;;) {
    const found = samples.filter(({ sentAt, succeeded }) => succeeded && sentAt >= after)
    if (found.length > 0) return Math.min(...found.map(({ endedAt }) => endedAt))
    await pause(5)
  }
}

async function untilSteady(observations: readonly Observation[]): Promise<void> {
  const giveUpAt = performance.now() + steadyWithinMs
  await pause(steadyMs)
  while (performance.now() < giveUpAt && !observations.every(isSteady)) await pause(100)
}

function isSteady({ samples }: Observation): boolean {
  const recent = samples.filter(({ sentAt }) => sentAt > performance.now() - steadyMs)
  return recent.length > 0 && recent.every(({ succeeded }) => succeeded)
}
