import { useEffect, useRef } from 'preact/hooks'
import type { LiveLogs, LiveQueues, LiveTraces, SystemMap } from '../src/wire/index.ts'
import { createStore } from './store.ts'

type Topics = { map: SystemMap; traces: LiveTraces; logs: LiveLogs; queues: LiveQueues }
type Topic = keyof Topics
type Handlers = { readonly [Name in Topic]: Set<(data: Topics[Name]) => void> }

const handlers: Handlers = { map: new Set(), traces: new Set(), logs: new Set(), queues: new Set() }
const topics: readonly Topic[] = ['map', 'traces', 'logs', 'queues']
/** How long after a refusal or a fault the stream is opened again; doubled each time. */
const retryMs = { first: 1_000, max: 30_000 }
/** Pages that are left and entered at once reconnect once. */
const settleMs = 50

/** The state of the stream, as this tab sees it. */
export const liveState = createStore<'off' | 'connecting' | 'live' | 'away' | 'hidden'>('off')

/** How many streams have been opened so far. What came before the newest, and after the one before, is in neither. */
export const liveStreams = createStore(0)

/** The data of a topic, as it comes, while `isOn`. */
export function useLive<Name extends Topic>(
  topic: Name,
  handler: (data: Topics[Name]) => void,
  isOn = true,
): void {
  const latest = useRef(handler)
  latest.current = handler
  useEffect(() => {
    if (!isOn) return
    const call = (data: Topics[Name]) => latest.current(data)
    const those: Set<(data: Topics[Name]) => void> = handlers[topic]
    those.add(call)
    schedule(settleMs)
    return () => {
      those.delete(call)
      schedule(settleMs)
    }
  }, [topic, isOn])
}

/** A hidden tab wants nothing. */
document.addEventListener('visibilitychange', () => schedule(0))
addEventListener('pagehide', () => want('', 'hidden'))
addEventListener('pageshow', () => schedule(0))

let timer: number | undefined

function schedule(delayMs: number): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    if (document.hidden) want('', 'hidden')
    else want(topics.filter((topic) => handlers[topic].size > 0).join(','), 'off')
  }, delayMs)
}

function receive<Name extends Topic>(topic: Name, text: string): void {
  const those: Set<(data: Topics[Name]) => void> = handlers[topic]
  if (those.size === 0) return
  const data: Topics[Name] = JSON.parse(text)
  for (const handler of [...those]) handler(data)
}

/*
 * One stream for all tabs, since browsers open six connections to a host at most. The tab that holds the lock has it, and passes on what
 * comes; the next gets the lock when that tab is closed or hidden. Without locks, which browsers give to secure origins only, each tab has
 * a stream of its own.
 */

type Message =
  | { readonly kind: 'want'; readonly tab: string; readonly topics: string }
  /** From the tab that has got the lock. */
  | { readonly kind: 'who' }
  | { readonly kind: 'state'; readonly state: 'connecting' | 'live' | 'away' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'data'; readonly topic: Topic; readonly text: string }

const sharedName = 'quintet-live'
const channel = new BroadcastChannel(sharedName)
const locks: LockManager | undefined = navigator.locks
const tab = String(Math.random())
let own = ''
/** What other tabs want, while this one has the stream. */
const others = new Map<string, string>()
/** Undefined while this tab neither has the lock nor waits for it. */
let lock: { readonly waiting: AbortController; readonly release: () => void } | undefined
let hasStream = false

/** Asks for these topics, separated by commas. */
function want(wanted: string, stateWithout: 'off' | 'hidden'): void {
  if (wanted === own && wanted !== '') {
    openStream()
    return
  }
  own = wanted
  post({ kind: 'want', tab, topics: own })
  if (own === '') {
    lock?.waiting.abort()
    lock?.release()
    lock = undefined
    giveUp()
    liveState.set(stateWithout)
  } else if (lock === undefined) acquire()
  else openStream()
}

function acquire(): void {
  const waiting = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  lock = { waiting, release: resolve }
  const begin = () => {
    if (waiting.signal.aborted) return
    hasStream = true
    post({ kind: 'who' })
    openStream()
    return promise
  }
  if (locks === undefined) begin()
  else locks.request(sharedName, { signal: waiting.signal }, begin).catch(() => {})
}

function giveUp(): void {
  hasStream = false
  others.clear()
  closeStream()
}

channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (locks === undefined) return
  if (data.kind === 'want' && hasStream) {
    if (data.topics === '') others.delete(data.tab)
    else others.set(data.tab, data.topics)
    if (liveState.get() !== 'off')
      post({ kind: 'state', state: source === undefined ? 'away' : stateOf(source) })
    openStream()
  } else if (own === '' || hasStream) return
  else if (data.kind === 'who') post({ kind: 'want', tab, topics: own })
  else if (data.kind === 'state') liveState.set(data.state)
  else if (data.kind === 'opened') countStream()
  else if (data.kind === 'data') receive(data.topic, data.text)
})

function post(message: Message): void {
  if (locks !== undefined) channel.postMessage(message)
}

let source: EventSource | undefined
let sourceTopics = ''
let retry: number | undefined
let waitMs = retryMs.first

const stateOf = ({ readyState }: EventSource) => (readyState === EventSource.OPEN ? 'live' : 'connecting')

function show(state: 'connecting' | 'live' | 'away'): void {
  liveState.set(state)
  post({ kind: 'state', state })
}

const countStream = () => liveStreams.set(liveStreams.get() + 1)

function closeStream(): void {
  clearTimeout(retry)
  source?.close()
  source = undefined
  sourceTopics = ''
}

/** Opens the stream of what the tabs want, unless it is open, or this tab does not have it. */
function openStream(): void {
  if (!hasStream) return
  const all = [own, ...others.values()].join(',').split(',')
  const wanted = topics.filter((topic) => all.includes(topic)).join(',')
  if (wanted === sourceTopics && source?.readyState !== EventSource.CLOSED) return
  closeStream()
  const opened = new EventSource(`/api/live?topics=${wanted}`)
  source = opened
  sourceTopics = wanted
  if (liveState.get() !== 'live') show('connecting')
  opened.onopen = () => {
    waitMs = retryMs.first
    show('live')
    countStream()
    post({ kind: 'opened' })
  }
  opened.onerror = () => {
    if (source !== opened) return
    closeStream()
    show('away')
    retry = setTimeout(openStream, waitMs)
    waitMs = Math.min(waitMs * 2, retryMs.max)
  }
  for (const topic of topics)
    opened.addEventListener(topic, ({ data }: MessageEvent<string>) => {
      receive(topic, data)
      post({ kind: 'data', topic, text: data })
    })
}
