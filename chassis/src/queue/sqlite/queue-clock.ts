import { machineClock, systemClock } from '../../clock/index.ts'
import type { Clock } from '../../clock/index.ts'
import { prepareQuery } from '../../database/index.ts'
import type { Database, Placeholders, Statement } from '../../database/index.ts'

/** `latest` is a time that was reached before; `offset` is added to the monotonic clock of the machine. */
export type ClockTable = { clock: { offset: number; latest: number } }

/** The time by which leases and pauses of messages end, in whole milliseconds. */
export type QueueClock = Clock & {
  /** To be committed with a lease or a pause: notes once a second that this time was reached. */
  note(): readonly Statement[]
}

const noteIntervalMs = 1_000

/**
 * All processes that have the file open read the same time, which passes as on the monotonic clock of the machine, so that no lease
 * ends early or late when the machine's clock is set or those of processes differ. When the machine was restarted, or the file was
 * moved to another, its monotonic clock may be behind: then the time goes on from the machine's clock, or from where it had come to.
 */
export async function openQueueClock(
  database: Database<ClockTable>,
  { wall = systemClock, machine = machineClock }: { wall?: Clock; machine?: Clock } = {},
): Promise<QueueClock> {
  const { query } = database
  const machineMs = () => Math.floor(machine.now())
  const read = () => query.selectFrom('clock').selectAll().executeTakeFirstOrThrow()

  async function renewed({ offset: former, latest }: ClockTable['clock']): Promise<number> {
    const offset = Math.max(latest, Math.floor(wall.now())) - machineMs()
    const renewal = query.updateTable('clock').set({ offset }).where('offset', '=', former).compile()
    // Where nothing can be stored now, as on a full disk, the next process to open the file renews it almost alike.
    const isStored = await database.commit([renewal]).then(
      () => true,
      () => false,
    )
    return isStored ? (await read()).offset : offset
  }

  const row = await read()
  const offset = machineMs() + row.offset < row.latest ? await renewed(row) : row.offset
  const note = prepareQuery((p: Placeholders<{ now: number }>) =>
    query.updateTable('clock').set({ latest: p.now }).where('latest', '<', p.now),
  )
  const now = () => machineMs() + offset
  let notedAt = Number.NEGATIVE_INFINITY
  return {
    now,
    note() {
      if (now() - notedAt < noteIntervalMs) return []
      notedAt = now()
      return [note({ now: notedAt })]
    },
  }
}

/** A clock that a test has injected, in the place of that of the queue. */
export function asQueueClock(clock: Clock): QueueClock {
  return { now: clock.now, note: () => [] }
}
