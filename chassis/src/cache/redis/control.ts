import { randomBytes } from 'node:crypto'
import { withTimeout } from '../../clock/index.ts'
import type { Arbiter, CacheTimes, ControlRow } from '../port.ts'
import { createChallenges } from './challenges.ts'
import type { RedisConnection } from './connection.ts'
import type { View } from './view.ts'

/** For clocks whose rates differ. */
const margin = 1.1

/**
 * Reads the control row, and changes it where another Redis must come into use (docs/decisions/0021): all processes agree by it
 * on the one generation of keys in one Redis that may be used. Any process makes the next step; a row that was changed
 * meanwhile is not replaced.
 */
export function createControl(options: {
  arbiter: Arbiter
  connection: RedisConnection
  view: View
  times: CacheTimes
}) {
  const { arbiter, connection, view, times } = options
  const { pollMs, readLeaseMs, writeLeaseMs } = times
  const challenges = createChallenges(pollMs)
  const polling = createPolling(step, pollMs)
  let isPromoting = false

  /** Reads the row, and makes the step that is due. */
  async function step(): Promise<void> {
    const sent = performance.now()
    const row = await withTimeout(writeLeaseMs, arbiter.read())
    challenges.note(row, view.row())
    view.adopt(row, sent)
    if (connection.peer() === undefined && connection.client.isReady) {
      // A Redis that accepts connections and does not reply counts as unavailable.
      await connection.refresh(row.generation).catch(() => {})
    } else if (isOfRow(row) && !view.isMatched()) {
      // Its generation may be newer than the one that was looked for.
      await connection.refresh(row.generation)
    }
    if (view.isMatched()) await advance(row)
    else if (isOfRow(row)) await takeOver(row)
    else await arrange(row)
  }

  function isOfRow({ instance }: ControlRow): boolean {
    return connection.peer()?.runId === instance
  }

  /** The Redis of the row is the one that this process uses. */
  async function advance(row: ControlRow): Promise<void> {
    if (row.challenge !== '') {
      await connection.refresh(row.generation)
      if (view.isMatched()) await replace(row, { challenge: '' })
    } else if (row.mode === 'draining' && hasPassed(readLeaseMs)) await replace(row, { mode: 'warming' })
    else if (row.mode === 'warming' && hasPassed(writeLeaseMs)) void promote(row)
  }

  /** Since all writes by earlier rows are either in the database or refused once `settle` resolves, values may be read. */
  async function promote(row: ControlRow): Promise<void> {
    if (isPromoting) return
    isPromoting = true
    try {
      await arbiter.settle()
      await replace(row, { mode: 'on' })
    } catch {
      // A commit hangs, or the database is unavailable: it is tried again after the next reading.
    } finally {
      isPromoting = false
    }
  }

  /** This process cannot use the Redis of the row. Unless another one can, that is no longer the cache. */
  async function arrange(row: ControlRow): Promise<void> {
    if (row.mode === 'none') {
      if (row.epoch === 0 || hasPassed(readLeaseMs)) await takeOver(row)
    } else if (row.challenge === '') {
      const challenge = challenges.create()
      if (challenge !== undefined) await replace(row, { challenge })
    } else if (challenges.isGranted()) {
      if (connection.peer() !== undefined) await takeOver(row)
      else await replace(row, { mode: 'none', generation: newGeneration(), instance: '', challenge: '' })
    }
  }

  /**
   * Makes the Redis at the other end of the connection the one of the row, with a new generation, whose record it has before it is
   * in the row. Where the row names no Redis and all leases by earlier rows have ended, writes may begin.
   */
  async function takeOver(row: ControlRow): Promise<void> {
    const peer = connection.peer()
    const generation = newGeneration()
    if (peer === undefined || !(await connection.addRecord(peer, generation))) return
    const mode = row.mode === 'none' ? 'warming' : 'draining'
    await replace(row, { mode, generation, instance: peer.runId, challenge: '' })
  }

  /** A change of the challenge alone leaves the epoch as it is. */
  async function replace(row: ControlRow, change: Partial<ControlRow>): Promise<void> {
    const epoch = change.mode === undefined ? row.epoch : row.epoch + 1
    await arbiter.replace(row, { ...row, ...change, epoch })
    polling.markDue()
  }

  function hasPassed(leaseMs: number): boolean {
    return performance.now() - view.since() > margin * leaseMs
  }

  return { poll: polling.poll, close: polling.close }
}

/** Runs a step at intervals, and at each call; never two at a time. */
function createPolling(step: () => Promise<void>, intervalMs: number) {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isDue = false
  let closed = false

  /** Runs the step; again afterwards if called meanwhile. */
  function poll(): Promise<void> {
    isDue = true
    running ??= run().finally(() => {
      running = undefined
    })
    return running
  }

  async function run(): Promise<void> {
    clearTimeout(timer)
    while (isDue && !closed) {
      isDue = false
      await step().catch(() => {})
    }
    if (!closed) timer = setTimeout(() => void poll(), intervalMs).unref()
  }

  return {
    poll,
    /** Lets a step that is running be followed by another one. */
    markDue(): void {
      isDue = true
    },
    close(): void {
      closed = true
      clearTimeout(timer)
    },
  }
}

function newGeneration(): string {
  return randomBytes(9).toString('hex')
}
