import { durationClockOf, TimeoutError, withTimeout } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import { Counter, createFailureLog } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { CheckedPromise, PromiseFinding, PromiseState, Verdict } from './port.ts'

/** How many things a check samples. */
const sampleMax = 25
/** A check begins nothing more after this time, and has failed after the second one. */
const checkMs = 1_000
const timeoutMs = 5_000
/** For how long the result of a check is that of others too. */
const freshMs = 5_000

export type PromiseChecks = {
  /** What was found last. */
  states(): readonly PromiseState[]
  /** Checks a promise, unless that was done within 5 s; undefined if there is none of this id. */
  check(id: string): Promise<PromiseState> | undefined
  /** Ends the checks that run, and begins no more. */
  stop(): Promise<void>
}

/** Checks the promises of a service: when it is requested, and all of them one by one each `everyMs`, or never for 0. */
export function createPromiseChecks(
  promises: readonly CheckedPromise[],
  parts: Parts & { readonly everyMs: number },
): PromiseChecks {
  const count = exportChecks(parts.metrics, promises)
  let isStopping = false
  const isOver = () => isStopping
  const checks = new Map(
    promises.map((promise) => [promise.id, createOneCheck(promise, { ...parts, count, isOver })]),
  )
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> = Promise.resolve()

  async function checkAll(): Promise<void> {
    for (const { run } of checks.values()) if (!isStopping) await run()
  }

  /** Processes that were started together do not check at the same moment. */
  function schedule(): void {
    timer = setTimeout(
      () => {
        round = checkAll().finally(() => {
          if (!isStopping) schedule()
        })
      },
      parts.everyMs * (0.75 + Math.random() / 2),
    ).unref()
  }

  if (parts.everyMs > 0 && checks.size > 0) schedule()
  return {
    states: () => Array.from(checks.values(), ({ state }) => state()),
    check: (id) => checks.get(id)?.run(),
    async stop() {
      isStopping = true
      clearTimeout(timer)
      await round
      await Promise.all(Array.from(checks.values(), ({ ended }) => ended()))
    },
  }
}

type Parts = {
  readonly service: string
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
}

type Count = (promise: string, result: Verdict) => void

function exportChecks({ registry }: Metrics, promises: readonly CheckedPromise[]): Count {
  const checks = new Counter({
    name: 'quintet_promise_checks_total',
    help: 'Checks of promises on the running service, by what was found.',
    labelNames: ['promise', 'result'],
    registers: [registry],
  })
  for (const { id } of promises)
    for (const result of ['kept', 'broken', 'unknown']) checks.inc({ promise: id, result }, 0)
  return (promise, result) => checks.inc({ promise, result })
}

function createOneCheck(
  { id, title, guarantee, check }: CheckedPromise,
  { service, logger, clock, count, isOver }: Parts & { count: Count; isOver: () => boolean },
) {
  const command = `npm run prove -- ${guarantee}`
  const place = `docs/guarantees.md#${guarantee}`
  const report = createReport(logger, { promise: id, guarantee: place })
  let state: PromiseState = {
    ...{ id, service, title, guarantee: place, command },
    ...{ verdict: 'unknown', found: 'It was not checked yet.', sample: 0, at: null, durationMs: null },
  }
  const durations = durationClockOf(clock)
  let current: Promise<PromiseState> | undefined
  let freshUntil = Number.NEGATIVE_INFINITY
  /** What goes on after its time is over is not begun again before it has ended. */
  let work: Promise<unknown> | undefined

  async function findingOf(startedAt: number): Promise<PromiseFinding> {
    if (work !== undefined) return unknown('The check that began before this one has not ended.')
    const hasTime = () => !isOver() && performance.now() - startedAt < checkMs
    const checking = check({ sampleMax, hasTime }).finally(() => {
      work = undefined
    })
    work = checking.catch(() => {})
    try {
      const finding = await withTimeout(timeoutMs, checking)
      report.found(finding)
      return finding
    } catch (error) {
      report.failed(error)
      return unknown(reasonOf(error))
    }
  }

  async function begin(): Promise<PromiseState> {
    const startedAt = performance.now()
    const finding = await findingOf(startedAt)
    const durationMs = Math.round((performance.now() - startedAt) * 100) / 100
    count(id, finding.verdict)
    state = { ...state, ...finding, at: clock.now(), durationMs }
    freshUntil = durations.now() + freshMs
    return state
  }

  return {
    state: () => state,
    run(): Promise<PromiseState> {
      if (current !== undefined && durations.now() < freshUntil) return current
      freshUntil = Number.POSITIVE_INFINITY
      current = begin()
      return current
    },
    ended: async () => void (await withTimeout(timeoutMs, work ?? Promise.resolve()).catch(() => {})),
  }
}

const unknown = (found: string): PromiseFinding => ({ verdict: 'unknown', found, sample: 0 })

/** Without the cause, which may name hosts. */
function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return `The check did not end within ${timeoutMs / 1_000} s.`
  return error instanceof AppError ? error.message : 'The check failed; the log has the cause.'
}

/** Writes an error line when a promise is found broken, in a way that is new, and one when it is found kept again. */
function createReport(logger: Logger, details: { promise: string; guarantee: string }) {
  let reported: string | undefined
  const failures = createFailureLog(logger, {
    failing: 'a promise cannot be checked, so whether it is kept is unknown: check that the engines respond',
    recovered: 'a promise is checked again',
    details,
  })
  return {
    failed: failures.failed,
    found({ verdict, found, sample }: PromiseFinding): void {
      failures.succeeded()
      if (verdict === 'broken' && reported !== found)
        logger.error({ ...details, found, sample }, 'a promise is broken')
      else if (verdict === 'kept' && reported !== undefined)
        logger.info({ ...details, found, sample }, 'a promise is kept again')
      if (verdict !== 'unknown') reported = verdict === 'broken' ? found : undefined
    },
  }
}
