import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { createRoundRobin } from '@quintet/chassis/concurrency'
import { mayRead } from '@quintet/chassis/guard'
import type { Owner, RowAccess } from '@quintet/chassis/guard'
import type { EventPage } from './events.ts'

const limits = {
  pollIntervalMs: 250,
  /** Reads of streams that are behind, in a turn of the event loop. */
  readsPerTurnMax: 4,
  /** More than there are streams. */
  waitingMax: 1_000,
}

/**
 * A page as it is sent, each event to those who may read it. `last` is the position after which the stream continues, undefined without
 * events; at the end there are no more yet.
 */
export type Frames = {
  readonly frames: readonly { readonly text: string; readonly owner: Owner }[]
  readonly last: number | undefined
  readonly isAtEnd: boolean
}

export function textFor({ frames }: Frames, access: RowAccess): string {
  let all = ''
  for (const { text, owner } of frames) if (mayRead(access, owner)) all += text
  return all
}

/** The reads of all streams of a process: those that wait at one position, which is nearly always the end, share one poll. */
export function createEventReads(readAfter: (position: number) => Promise<EventPage>) {
  const polls = new Map<number, Promise<Frames>>()
  const inTurn = createRoundRobin({
    concurrencyMax: limits.readsPerTurnMax,
    waitingMax: limits.waitingMax,
    refusal: 'Too many streams of events are read; retry.',
  })

  const read = async (position: number): Promise<Frames> => framesOf(await readAfter(position))

  async function begin(position: number): Promise<Frames> {
    await pause(limits.pollIntervalMs, undefined, { ref: false })
    polls.delete(position)
    return read(position)
  }

  return {
    /** The events after a position. */
    read,

    /** The same for a stream that is behind, in turn for each client. */
    readInTurn: (position: number, client: string): Promise<Frames> =>
      inTurn(client, async () => {
        const frames = await read(position)
        await nextTurn()
        return frames
      }),

    /** The events that have come after a position, at which there were none, in a while. */
    poll(position: number): Promise<Frames> {
      const poll = polls.get(position) ?? begin(position)
      polls.set(position, poll)
      return poll
    },
  }
}

function framesOf({ events, last }: EventPage): Frames {
  return {
    frames: events.map(({ event, owner }) => ({ text: frameOf(event), owner })),
    last: last ?? events.at(-1)?.event.position,
    isAtEnd: last === undefined,
  }
}

function frameOf(event: EventPage['events'][number]['event']): string {
  return `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
