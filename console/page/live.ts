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

/** The state of the one stream of this tab. */
export const liveState = createStore<'off' | 'connecting' | 'live' | 'away' | 'hidden'>('off')

let source: EventSource | undefined
let sourceTopics = ''
let timer: number | undefined
let waitMs = retryMs.first

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

/** A hidden tab has no stream: browsers open six connections to a host at most. */
document.addEventListener('visibilitychange', () => schedule(0))
addEventListener('pagehide', () => close('hidden'))
addEventListener('pageshow', () => schedule(0))

function schedule(delayMs: number): void {
  clearTimeout(timer)
  timer = setTimeout(connect, delayMs)
}

function close(state: 'off' | 'hidden' | 'away'): void {
  source?.close()
  source = undefined
  sourceTopics = ''
  liveState.set(state)
}

function connect(): void {
  const wanted = topics.filter((topic) => handlers[topic].size > 0).join(',')
  if (wanted === '' || document.hidden) {
    close(wanted === '' ? 'off' : 'hidden')
    return
  }
  if (wanted === sourceTopics && source?.readyState !== EventSource.CLOSED) return
  source?.close()
  const opened = new EventSource(`/api/live?topics=${wanted}`)
  source = opened
  sourceTopics = wanted
  if (liveState.get() !== 'live') liveState.set('connecting')
  opened.onopen = () => {
    waitMs = retryMs.first
    liveState.set('live')
  }
  opened.onerror = () => {
    if (source !== opened) return
    close('away')
    schedule(waitMs)
    waitMs = Math.min(waitMs * 2, retryMs.max)
  }
  for (const topic of topics) listen(opened, topic)
}

function listen<Name extends Topic>(opened: EventSource, topic: Name): void {
  const those: Set<(data: Topics[Name]) => void> = handlers[topic]
  opened.addEventListener(topic, (event: MessageEvent<string>) => {
    const data: Topics[Name] = JSON.parse(event.data)
    for (const handler of [...those]) handler(data)
  })
}
