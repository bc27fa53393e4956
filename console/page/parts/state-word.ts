import type { VNode } from 'preact'
import type { SystemMap } from '../../src/wire/index.ts'
import { classes, path, span, svg } from '../elements.ts'

type State = SystemMap['nodes'][number]['state'] | 'kept' | 'broken'

/** What a state means to who looks: each has a colour and a shape of its own. */
type Tone = 'good' | 'working' | 'poor' | 'bad' | 'off'
const tones: Readonly<Record<State, Tone>> = {
  up: 'good',
  kept: 'good',
  starting: 'working',
  closing: 'working',
  'not ready': 'poor',
  stopped: 'off',
  unknown: 'off',
  unreachable: 'bad',
  down: 'bad',
  broken: 'bad',
}
/** In a square of 12 by 12: a disc, a ring, a triangle, a cross and a square, so that none is told by its colour alone. */
const shapes: Readonly<Record<Tone, string>> = {
  good: 'M6 1a5 5 0 1 0 0 10A5 5 0 1 0 6 1Z',
  working: 'M6 1a5 5 0 1 0 0 10A5 5 0 1 0 6 1ZM6 3.4a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2Z',
  poor: 'M6 .8L11.6 10.8H.4Z',
  bad: 'M2.6.8L6 4.2L9.4.8L11.2 2.6L7.8 6L11.2 9.4L9.4 11.2L6 7.8L2.6 11.2L.8 9.4L4.2 6L.8 2.6Z',
  off: 'M1.8 1.8H10.2V10.2H1.8Z',
}

export const toneOf = (state: State): Tone => tones[state]

/** The shape of a state, with its corner at a point of a picture. */
export function stateShape(state: State, x: number, y: number): VNode {
  return path({
    class: classes('shape', tones[state]),
    d: shapes[tones[state]],
    'fill-rule': 'evenodd',
    transform: `translate(${x} ${y})`,
  })
}

/** A state by shape and word. */
export function stateWord(state: State): VNode {
  return span(
    { class: classes('state-word', tones[state]) },
    svg({ width: 12, height: 12, 'aria-hidden': 'true' }, stateShape(state, 0, 0)),
    state,
  )
}
