import { useEffect, useRef, useState } from 'preact/hooks'
import type { QueueList, SystemMap } from '../src/wire/index.ts'
import { useGet } from './api.ts'
import { a, classes, component, li, nav, span, ul } from './elements.ts'
import { useLive } from './live.ts'
import { sections } from './keys.ts'
import type { SectionName } from './keys.ts'
import { countText } from './parts/time.ts'
import { addressOf } from './router.ts'
import { announce } from './session.ts'

type Tone = 'good' | 'bad' | 'warn'
type Label = { readonly text: string; readonly tone: Tone }
type Labels = Partial<Record<SectionName, Label>>

/** How often promises are read again; map and queues come by the stream, which begins with them. */
const promisesMs = 60_000

/** The links to the pages, with what is wrong there in words. */
export const rail = component(function Rail({
  section,
  isOpen,
}: {
  readonly section: SectionName | undefined
  readonly isOpen: boolean
}) {
  const labels = useLabels()
  return nav(
    { id: 'rail', class: classes('rail', isOpen && 'open'), 'aria-label': 'Pages' },
    ul(
      {},
      ...sections.map(({ name, path }) => {
        const label = labels[name]
        return li(
          { key: name },
          a(
            { href: addressOf(path), 'aria-current': name === section ? 'page' : undefined },
            span({}, name),
            label !== undefined && span({ class: classes('rail-state', label.tone) }, ' ', label.text),
          ),
        )
      }),
    ),
  )
})

function useLabels(): Labels {
  const [map, setMap] = useState<Label | undefined>(undefined)
  const [services, setServices] = useState<Label | undefined>(undefined)
  const [queues, setQueues] = useState<Label | undefined>(undefined)
  const showMap = (data: SystemMap) => {
    const nodes = data.nodes.filter(({ column }) => column !== 'clients')
    const up = nodes.filter(({ state }) => state === 'up' || state === 'unknown')
    setMap(labelOf(nodes.length - up.length, 'not up', 'all up'))
    const those = nodes.filter(({ column }) => column === 'gateway' || column === 'services')
    const ready = those.filter(({ state }) => state === 'up').length
    setServices({ text: `${ready} of ${those.length} up`, tone: ready === those.length ? 'good' : 'bad' })
  }
  const showQueues = ({ data }: QueueList) => {
    const dead = data.reduce((sum, queue) => sum + (queue.dead ?? 0), 0)
    const away = data.filter(({ fault }) => fault !== null).length
    if (away > 0) setQueues({ text: `${countText(away)} away`, tone: 'bad' })
    else setQueues(labelOf(dead, 'dead', 'none dead'))
  }
  useLive('map', showMap)
  useLive('queues', showQueues)
  useSpoken('Map', map)
  useSpoken('Services', services)
  useSpoken('Queues', queues)
  const broken = useGet('/api/promises', { query: { verdict: 'broken' }, everyMs: promisesMs }).data?.data
    .length
  return {
    ...(map !== undefined && { Map: map }),
    ...(services !== undefined && { Services: services }),
    ...(queues !== undefined && { Queues: queues }),
    ...(broken !== undefined && { Promises: labelOf(broken, 'broken', 'none broken') }),
  }
}

/** A label of what is wrong, which is in red where there is any. */
function labelOf(count: number, wrong: string, right: string): Label {
  return count > 0 ? { text: `${countText(count)} ${wrong}`, tone: 'bad' } : { text: right, tone: 'good' }
}

/** Speaks a label when it changes, but not the first time. */
function useSpoken(name: SectionName, label: Label | undefined): void {
  const before = useRef<string | undefined>(undefined)
  useEffect(() => {
    if (before.current !== undefined && label !== undefined && label.text !== before.current)
      announce(`${name}: ${label.text}`)
    before.current = label?.text
  }, [label?.text])
}
