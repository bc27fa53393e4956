import type { Clock } from '../clock/index.ts'
import { createFailureLog } from '../telemetry/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import type { AuditSink } from './audit-file.ts'
import { hashOf, lineAfter } from './chain.ts'
import type { AuditEntry, ChainEnd } from './chain.ts'

export type AuditCounts = {
  written: number
  omitted: number
  failures: number
  /** Refusals without a line of their own. */
  refusalsCounted: number
  /** Lines that wait for the file. */
  waiting(): number
  /** How long the oldest of them has waited. */
  lagMs(): number
}

type ChainWriter = {
  /**
   * Adds a line. `settle` is called when it is in the file, or on the disk if it is durable: with an error where it is neither, and will not
   * be. A line that is not durable is written later then, and `settle` is called at once. So it is for all that waits when the file fails.
   */
  add(entry: AuditEntry, isDurable: boolean, settle?: (error?: unknown) => void): void
  /** Counts a line that is lost. The next one says how many were. */
  omit(): void
  /** How many lines have not begun to be written. */
  queued(): number
  readonly counts: AuditCounts
  close(): Promise<void>
}

type Waiting = {
  readonly entry: AuditEntry & { readonly time: string }
  readonly atMs: number
  readonly isDurable: boolean
  readonly settle: ((error?: unknown) => void) | undefined
}

/** Lines that are written together. */
const batchMax = 1_000
const retryMs = 1_000

/**
 * Writes the lines of one chain, one batch at a time: those that arrive meanwhile are the next batch, so they share one wait for the disk.
 * The place of a line in the chain is decided when it is written, so a batch that fails leaves no gap.
 */
export function createChainWriter(
  sink: AuditSink,
  { chain, clock, logger }: { chain: string; clock: Clock; logger: FailureLogger },
): ChainWriter {
  const waiting: Waiting[] = []
  let beingWritten: readonly Waiting[] = []
  const log = createFailureLog(logger, {
    failing: 'the audit log cannot be written: check AUDIT_LOG and the space on its disk',
    recovered: 'the audit log is written again',
  })
  const counts: AuditCounts = {
    ...{ written: 0, omitted: 0, failures: 0, refusalsCounted: 0 },
    waiting: () => beingWritten.length + waiting.length,
    lagMs() {
      const oldest = beingWritten[0] ?? waiting[0]
      return oldest === undefined ? 0 : performance.now() - oldest.atMs
    },
  }
  let end = sink.end
  /** Lines that were lost since the last one that says how many. */
  let lost = 0
  let writing: Promise<void> | undefined
  /** Whether lines have come since the last batch began. */
  let hasMore = false
  let retry: NodeJS.Timeout | undefined

  function begin(): void {
    clearTimeout(retry)
    hasMore = true
    writing ??= Promise.resolve().then(writeAll)
  }

  /** After a failure only what comes meanwhile is a reason to go on at once. */
  async function writeAll(): Promise<void> {
    let isGood = true
    while (waiting.length > 0 && (isGood || hasMore)) {
      hasMore = false
      beingWritten = waiting.splice(0, batchMax)
      isGood = await writeBatch(beingWritten)
      beingWritten = []
    }
    writing = undefined
    if (waiting.length > 0) retry = setTimeout(begin, retryMs).unref()
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<boolean> {
    const { text, end: next, omitted } = linesOf(batch)
    const error = await faultOf(sink.append(text))
    if (error !== undefined) {
      failed(error)
      releaseAll(batch, error)
      return false
    }
    end = next
    lost -= omitted
    counts.written += batch.length
    for (const one of batch) if (!one.isDurable) one.settle?.()
    return waitForDisk(batch.filter(({ isDurable }) => isDurable))
  }

  /**
   * What waits behind a batch that has failed would not fare better, and must not wait for its turn: there may be more lines before it than
   * a batch has.
   */
  function releaseAll(batch: readonly Waiting[], error: unknown): void {
    const all = [...batch, ...waiting.splice(0)]
    for (const { isDurable, settle } of all) settle?.(isDurable ? error : undefined)
    for (const one of all) if (!one.isDurable) waiting.push(withoutWaiter(one))
  }

  async function waitForDisk(durable: readonly Waiting[]): Promise<boolean> {
    const error = durable.length > 0 ? await faultOf(sink.sync()) : undefined
    if (error === undefined) log.succeeded()
    else failed(error)
    for (const { settle } of durable) settle?.(error)
    return error === undefined
  }

  function linesOf(batch: readonly Waiting[]): { text: string; end: ChainEnd; omitted: number } {
    let next = end
    let text = ''
    const omitted = lost
    const entries = batch.map(({ entry }) => entry)
    if (omitted > 0) entries.unshift(timed({ kind: 'omitted', lines: omitted }))
    for (const entry of entries) {
      const line = lineAfter(next, chain, entry)
      next = { number: next.number + 1, hash: hashOf(line) }
      text += `${line}\n`
    }
    return { text, end: next, omitted }
  }

  function timed(entry: AuditEntry): Waiting['entry'] {
    return { ...entry, time: new Date(clock.now()).toISOString() }
  }

  function failed(error: unknown): void {
    counts.failures += 1
    log.failed(error)
  }

  return {
    counts,
    queued: () => waiting.length,
    add(entry, isDurable, settle) {
      waiting.push({ entry: timed(entry), atMs: performance.now(), isDurable, settle })
      begin()
    },
    omit() {
      counts.omitted += 1
      lost += 1
    },
    async close() {
      begin()
      await writing
      clearTimeout(retry)
      await sink.close()
    },
  }
}

function withoutWaiter(one: Waiting): Waiting {
  return { ...one, settle: undefined }
}

async function faultOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (cause: unknown) => cause ?? new Error('The file failed.'),
  )
}
