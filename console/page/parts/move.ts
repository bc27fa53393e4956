import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Move, MoveRequest, QueueSummary } from '../../src/wire/index.ts'
import { asCallError, get, post } from '../api.ts'
import type { CallError } from '../api.ts'
import { button, component, div, form, input, label, li, p, span, strong, ul } from '../elements.ts'
import { setQuery } from '../router.ts'
import { announce, refusalOfActions, session } from '../session.ts'
import { useStore } from '../store.ts'
import { dialog } from './dialog.ts'
import { count } from './quantity.ts'
import { counted } from './time.ts'

/** What is put back or removed, with the number that the reader sees: the server refuses where it is another one meanwhile. */
export type Choice =
  | { readonly kind: 'all'; readonly count: number }
  | { readonly kind: 'reason'; readonly reason: string; readonly count: number }
  | { readonly kind: 'rows'; readonly ids: string[]; readonly count: number }

const firstLetters = 100
const lettersPerSecond = 10
const pollMs = 500

type MoveBarProps = {
  readonly name: string
  readonly queue: QueueSummary
  readonly choice: Choice
  readonly clear: () => void
  readonly renew: () => void
}

/** What is chosen, and what can be done with it. */
export const moveBar = component(function MoveBar(props: MoveBarProps) {
  const { choice, clear } = props
  const [asked, setAsked] = useState<Move['kind']>()
  const refusal = refusalOfActions(useStore(session))
  const isOff = refusal !== undefined
  return div(
    { class: 'action-bar', role: 'group', 'aria-label': 'What to do with the chosen letters' },
    span(
      { class: 'action-text' },
      choiceInWords(choice),
      choice.kind === 'rows' && [
        ' ',
        button({ type: 'button', class: 'plain', onClick: clear }, 'Choose none'),
      ],
    ),
    button(
      {
        type: 'button',
        class: 'primary',
        disabled: isOff,
        title: refusal,
        onClick: () => setAsked('replay'),
      },
      `Replay ${count(choice.count)}`,
    ),
    button(
      { type: 'button', class: 'danger', disabled: isOff, title: refusal, onClick: () => setAsked('drop') },
      `Drop ${count(choice.count)}`,
    ),
    isOff && p({ class: 'quiet' }, refusal),
    asked !== undefined && moveDialog({ ...props, kind: asked, close: () => setAsked(undefined) }),
  )
})

function choiceInWords(choice: Choice): string {
  if (choice.kind === 'rows') return `${counted(choice.count, 'row')} chosen`
  if (choice.kind === 'all') return `All ${counted(choice.count, 'dead letter')}`
  return `${counted(choice.count, 'letter')}: ${choice.reason}`
}

/** Names the effect before anything happens. */
const moveDialog = component(function MoveDialog(
  props: MoveBarProps & { readonly kind: Move['kind']; readonly close: () => void },
) {
  const { name, queue, choice, kind, close, clear } = props
  const [isFirst, setFirst] = useState(false)
  const [isSlow, setSlow] = useState(false)
  const [isRunning, setRunning] = useState(false)
  const [error, setError] = useState<CallError>()
  const number = isFirst ? Math.min(firstLetters, choice.count) : choice.count

  async function run(): Promise<void> {
    setRunning(true)
    setError(undefined)
    const body: MoveRequest = {
      ...(choice.kind === 'all' && { all: true as const }),
      ...(choice.kind === 'reason' && { reason: choice.reason }),
      ...(choice.kind === 'rows' && { ids: choice.ids }),
      ...(isFirst && { first: firstLetters }),
      ...(isSlow && { perSecond: lettersPerSecond }),
      expect: choice.count,
    }
    try {
      const move = await post(`/api/queues/:name/${kind}`, body, { params: { name } })
      clear()
      close()
      setQuery({ move: move.id }, { replace: true })
    } catch (fault) {
      setError(asCallError(fault))
      setRunning(false)
    }
  }
  return dialog(
    { title: `${kind === 'replay' ? 'Replay' : 'Drop'} ${counted(number, 'letter')}?`, close },
    form(
      {
        onSubmit: (event) => {
          event.preventDefault()
          run()
        },
      },
      effectOf(kind, number, queue),
      choice.kind === 'reason' && p({ class: 'quiet' }, `Reason: ${choice.reason}`),
      choice.count > firstLetters && option(`Only the first ${firstLetters}, the oldest`, isFirst, setFirst),
      kind === 'replay' &&
        number > lettersPerSecond &&
        option(`${lettersPerSecond} a second, instead of all at once`, isSlow, setSlow),
      error !== undefined && refused(error, props),
      div(
        { class: 'dialog-actions' },
        button({ type: 'button', onClick: close }, 'Cancel'),
        button(
          { type: 'submit', class: kind === 'replay' ? 'primary' : 'danger', disabled: isRunning },
          `${kind === 'replay' ? 'Replay' : 'Drop'} ${count(number)}`,
        ),
      ),
    ),
  )
})

function effectOf(kind: Move['kind'], number: number, { name, service }: QueueSummary): VNode {
  return kind === 'replay'
    ? p(
        {},
        `${counted(number, 'letter')} ${number === 1 ? 'goes' : 'go'} back to `,
        strong({}, name),
        `, where ${service} handles ${number === 1 ? 'it' : 'them'} again, with all attempts. What fails again comes back here.`,
      )
    : p(
        {},
        strong({}, `${counted(number, 'letter')} ${number === 1 ? 'is' : 'are'} removed for good.`),
        ' Nothing can bring them back, and what they stand for never happens.',
      )
}

function option(text: string, isOn: boolean, set: (isOn: boolean) => void): VNode {
  return label(
    { class: 'choice' },
    input({ type: 'checkbox', checked: isOn, onChange: (event) => set(event.currentTarget.checked) }),
    text,
  )
}

/** A refusal says that nothing has happened. Where the number has changed, the next step is to look at what is there now. */
function refused(
  error: CallError,
  { renew, close }: { readonly renew: () => void; readonly close: () => void },
): VNode {
  const look = () => {
    close()
    renew()
  }
  return div(
    { class: 'notice bad', role: 'alert' },
    p({}, `Nothing has happened. ${error.message}`),
    error.kind === 'changed' && button({ type: 'button', onClick: look }, 'Show what is there now'),
  )
}

/** Follows letters that were put back until each is done or dead again. */
export const moveOutcome = component(function MoveOutcome(props: {
  readonly id: string
  readonly onOver: () => void
}) {
  const [move, setMove] = useState<Move>()
  const [error, setError] = useState<CallError>()
  const latest = useRef(props.onOver)
  latest.current = props.onOver
  useEffect(() => {
    const stop = new AbortController()
    follow(props.id, stop.signal, setMove).then(
      (last) => {
        announce(last.outcome)
        latest.current()
      },
      (fault: unknown) => {
        if (!stop.signal.aborted) setError(asCallError(fault))
      },
    )
    return () => stop.abort()
  }, [props.id])
  const dismiss = button(
    { type: 'button', class: 'plain', onClick: () => setQuery({ move: undefined }, { replace: true }) },
    'Dismiss',
  )
  if (error !== undefined) {
    const text = error.kind === 'absent' ? 'The outcome of this replay is not kept any more.' : error.message
    return div({ class: 'notice', role: 'status' }, p({}, text), dismiss)
  }
  return move === undefined ? undefined : outcomeView(move, dismiss)
})

async function follow(id: string, signal: AbortSignal, show: (move: Move) => void): Promise<Move> {
  for (;;) {
    const move = await get('/api/queues/moves/:id', { params: { id }, signal })
    show(move)
    if (move.isOver) return move
    await new Promise((resolve) => setTimeout(resolve, pollMs))
    signal.throwIfAborted()
  }
}

function outcomeView(move: Move, dismiss: VNode): VNode {
  const settled = move.kind === 'replay' ? move.done + move.deadAgain : move.moved
  const reasons = Object.entries(move.reasons)
  return div(
    { class: move.deadAgain > 0 ? 'notice warn outcome' : 'notice good outcome' },
    div(
      { class: 'outcome-text' },
      p({ role: 'status' }, strong({}, move.outcome)),
      !move.isOver &&
        div(
          {
            class: 'progress',
            role: 'progressbar',
            'aria-label': 'Settled',
            'aria-valuenow': settled,
            'aria-valuemin': 0,
            'aria-valuemax': move.of,
          },
          span({ style: { width: `${(settled / Math.max(move.of, 1)) * 100}%` } }),
        ),
      reasons.length > 0 &&
        ul(
          { class: 'quiet' },
          ...reasons.map(([reason, letters]) => li({ key: reason }, `${count(letters)} × ${reason}`)),
        ),
    ),
    move.isOver && dismiss,
  )
}
