import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { checkHistory } from '../check-history.ts'
import type { Verdict } from '../check-history.ts'
import type { Violation } from '../checkers/violation.ts'
import { writeHistory } from '../history.ts'
import type { History } from '../history.ts'
import { createHttpClient } from '../load/http-client.ts'
import type { Load } from '../load/load.ts'
import { createObservations } from './observed.ts'
import type { Random } from './random.ts'
import { startRunClock } from './run-clock.ts'
import { runClients, untilSteady } from './run-clients.ts'
import { samplesOf } from './samples.ts'
import type { Sample } from './samples.ts'
import { makeFaults, ofKinds, planFaults } from './schedule.ts'
import type { MadeFault } from './schedule.ts'
import type { Scenario, System } from '../scenarios/scenario.ts'

/** What a scenario showed. */
export type Run = {
  readonly scenario: string
  readonly faults: readonly MadeFault[]
  /** In the order of their ends. */
  readonly samples: readonly Sample[]
  readonly histories: readonly CheckedHistory[]
  /** What was wrong whatever the histories show: unexpected responses, ends of processes, what did not recover. */
  readonly violations: readonly Violation[]
}

type CheckedHistory = Verdict & {
  readonly name: string
  readonly kind: string
  readonly operations: number
  readonly file: string
}

type RunOptions = {
  readonly forMs: number
  readonly random: Random
  /** The kinds of the faults; all by default. */
  readonly faults?: readonly string[] | undefined
  /** Where the histories are kept. */
  readonly folder: string
  onProgress?(progress: Progress): void
}

export type Progress = {
  /** Such as the faults that last. */
  readonly phase: string
  readonly elapsedMs: number
  readonly operations: number
}

const progressEveryMs = 250

/** Runs a scenario: its load with its faults, the recovery, the reads at the end, and the checkers. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Run> {
  mkdirSync(options.folder, { recursive: true })
  const data = mkdtempSync(join(tmpdir(), 'quintet-nemesis-'))
  try {
    const system = await scenario.start(data)
    const observed = createObservations(scenario.isAvailable)
    const conducted = await conduct(system, observed, options).finally(() => system.close())
    const { faults, loads, violations } = conducted
    const samples = loads.flatMap(({ history }) => samplesOf(history))
    return {
      scenario: scenario.name,
      faults,
      samples: samples.toSorted((one, other) => one.endedMs - other.endedMs),
      histories: loads.map(({ name, history }) => keepAndCheck(options.folder, name, history)),
      violations,
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function conduct(
  system: System,
  observed: ReturnType<typeof createObservations>,
  { random, forMs, faults: kinds, onProgress }: RunOptions,
) {
  const targets = ofKinds(system.targets, kinds)
  const clock = startRunClock()
  const http = createHttpClient(observed.responded)
  const loads: { name: string; load: Load }[] = []
  for (const [name, create] of Object.entries(system.loads)) {
    const own = random.fork(name)
    const { unexpected } = observed
    const load = await create({ addresses: system.addresses, random: own, clock, http, unexpected })
    loads.push({ name, load })
  }
  const all = loads.map(({ load }) => load)
  const clients = runClients(all, random)
  let phase = ''
  const report = () => onProgress?.({ phase, elapsedMs: clock.nowMs(), operations: clients.count() })
  const progress = setInterval(report, progressEveryMs)
  const onBegin = (names: readonly string[]) => {
    phase = names.join(' and ')
  }
  const faults: MadeFault[] = []
  try {
    const steps = planFaults(targets, random.fork('faults'), forMs)
    await makeFaults(steps, { now: clock.nowMs, untilMs: forMs, onBegin, made: faults }).catch(
      observed.failed,
    )
    await pause(Math.max(0, forMs - clock.nowMs()))
    phase = 'recovery'
    await untilSteady(all, clock.nowNs)
    await clients.stop()
    phase = 'last reads'
    for (const { load } of loads) await load.settle().catch(observed.failed)
    for (const process of system.processes) observed.crashed(process.crash())
  } finally {
    clearInterval(progress)
    http.close()
  }
  return {
    faults,
    loads: loads.map(({ name, load }) => ({ name, history: load.history() })),
    violations: observed.violations,
  }
}

function keepAndCheck(folder: string, name: string, history: History): CheckedHistory {
  const file = join(folder, `${name}.jsonl`)
  writeFileSync(file, writeHistory(history))
  const operations = samplesOf(history).length
  return { name, kind: history.kind, operations, file, ...checkHistory(history) }
}
