import { setTimeout as pause } from 'node:timers/promises'
import { readWholeNumber } from '@quintet/chassis/config'
import { openStreamQueue, queueExists, UnknownPosition } from '@quintet/chassis/queue'
import type { EventStream, StreamMessage } from '@quintet/chassis/queue'
import { guidEventsStream, publishedGuidEventOf } from '@quintet/contracts'
import { topology } from '@quintet/contracts/topology'
import { configOf, settingsFor } from './services.ts'
import { ArgumentError, parseArguments, UsageError } from './usage-error.ts'

export const eventsUsage = `
  quintet events                            print the changes of GUIDs as lines of JSON, and follow; [--after <position>] [--no-follow]
`

export const eventsOptions = {
  after: { type: 'string', default: '0' },
  follow: { type: 'boolean', default: true },
} as const

const setting = topology.guid.storage.queue
const pollIntervalMs = 250
const pageSize = 1_000

/** `quintet events`: prints events of GUIDs, from the oldest one or a position on, until it gets a signal. */
export async function events(words: readonly string[]): Promise<void> {
  const { after, follow } = parse(words)
  const url = String(configOf('guid', settingsFor(['guid']))[setting])
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())
  if (!queueExists(url))
    throw new UsageError(
      `${setting} is ${url}, but there is no such file. Start guid, which creates it, or set ${setting} to that of guid.`,
    )
  const queue = await openStreamQueue(url)
  try {
    for (let position = after; !ending.signal.aborted; ) {
      const messages = await readAfter(queue, position)
      process.stdout.write(messages.map(lineOf).join(''))
      position = messages.at(-1)?.position ?? position
      if (messages.length === pageSize) continue
      if (!follow) return
      await pause(pollIntervalMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  } finally {
    await queue.close()
  }
}

async function readAfter(queue: EventStream, after: number): Promise<StreamMessage[]> {
  return queue.readStream(guidEventsStream, { after, limit: pageSize }).catch((error: unknown) => {
    throw error instanceof UnknownPosition ? new UnknownPosition(error.last, '--after') : error
  })
}

function lineOf(message: StreamMessage): string {
  const event = publishedGuidEventOf(message)?.event
  return event === undefined ? '' : `${JSON.stringify(event)}\n`
}

function parse(words: readonly string[]): { after: number; follow: boolean } {
  const config = { args: [...words], options: eventsOptions, allowNegative: true }
  const { values } = parseArguments(config)
  const after = readWholeNumber(values.after)
  if (after !== undefined) return { after, follow: values.follow }
  throw new ArgumentError('--after must be the position of an event that was printed, such as 17.')
}
