import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ServiceSummary } from '../../src/wire/index.ts'
import { asCallError, post } from '../api.ts'
import { button, component, div, form, p, span } from '../elements.ts'
import { announce, refusalOfActions, session } from '../session.ts'
import { useStore } from '../store.ts'
import { dialog } from './dialog.ts'
import { stateWord } from './state-word.ts'
import { durationText } from './time.ts'

type Act = 'start' | 'stop' | 'restart'
type Outcome = { readonly text: string; readonly state?: ServiceSummary['state']; readonly isBad: boolean }

const titles: Readonly<Record<Act, string>> = { start: 'Start', stop: 'Stop', restart: 'Restart' }
const running: Readonly<Record<Act, string>> = {
  start: 'Starting …',
  stop: 'Stopping …',
  restart: 'Restarting …',
}

function effectOf(act: Act, name: string): string {
  switch (act) {
    case 'start':
      return `${name} opens its storage and its port, and responds as soon as it is ready.`
    case 'stop':
      return name === 'gateway'
        ? 'Requests in progress are finished. After that no client reaches any service, until the gateway is started again.'
        : `Requests in progress are finished. After that the gateway responds with 503 for ${name}, and its messages wait in their queue, until it is started again.`
    case 'restart':
      return `Requests in progress are finished, and ${name} opens anew on the same port. Requests meanwhile get 503.`
  }
}

/** Starts and stops a service. Each asks first, and ends in a state that was reached or in the reason why it was not. */
export const serviceActions = component(function ServiceActions(props: {
  readonly service: ServiceSummary
  readonly reload: () => void
}) {
  const { service, reload } = props
  const [asked, setAsked] = useState<Act>()
  const [isRunning, setRunning] = useState<Act>()
  const [outcome, setOutcome] = useState<Outcome>()
  const refusal = refusalOf(service, useStore(session))
  const whole = useRef<HTMLDivElement>(null)
  // The button that had the focus is off while it works, and another one is there afterwards.
  useEffect(() => {
    if (document.activeElement === document.body && (isRunning ?? outcome) !== undefined)
      whole.current?.focus()
  }, [isRunning, outcome])
  async function run(act: Act): Promise<void> {
    setAsked(undefined)
    setRunning(act)
    setOutcome(undefined)
    const reached = await runAction(act, service.name)
    setOutcome(reached)
    announce(reached.text)
    setRunning(undefined)
    reload()
  }
  const isStopped = service.state === 'stopped'
  const acts: readonly Act[] = isStopped ? ['start'] : ['stop', 'restart']
  return div(
    {
      class: 'service-actions',
      ref: whole,
      tabIndex: -1,
      role: 'group',
      'aria-label': `What to do with ${service.name}`,
    },
    ...acts.map((act) =>
      button(
        {
          key: act,
          type: 'button',
          class: act === 'start' ? 'primary' : undefined,
          disabled: refusal !== undefined || isRunning !== undefined,
          title: refusal,
          'aria-label': `${titles[act]} ${service.name}`,
          onClick: () => setAsked(act),
        },
        isRunning === act ? running[act] : titles[act],
      ),
    ),
    refusal !== undefined && span({ class: 'quiet' }, refusal),
    outcome !== undefined && outcomeView(outcome),
    asked !== undefined &&
      dialog(
        { title: `${titles[asked]} ${service.name}?`, close: () => setAsked(undefined) },
        form(
          {
            onSubmit: (event) => {
              event.preventDefault()
              run(asked)
            },
          },
          p({}, effectOf(asked, service.name)),
          div(
            { class: 'dialog-actions' },
            button({ type: 'button', onClick: () => setAsked(undefined) }, 'Cancel'),
            button(
              { type: 'submit', class: asked === 'start' ? 'primary' : 'danger' },
              `${titles[asked]} ${service.name}`,
            ),
          ),
        ),
      ),
  )
})

function refusalOf(service: ServiceSummary, current: ReturnType<typeof session.get>): string | undefined {
  return (
    refusalOfActions(current) ??
    (service.isHere ? undefined : 'It runs in another process; stop and start it there.')
  )
}

async function runAction(act: Act, name: string): Promise<Outcome> {
  const began = performance.now()
  try {
    const { state } = await post(`/api/services/:name/${act}`, {}, { params: { name } })
    return {
      text: `${name} is ${state}, after ${durationText(performance.now() - began)}.`,
      state,
      isBad: false,
    }
  } catch (error) {
    return { text: asCallError(error).message, isBad: true }
  }
}

function outcomeView({ text, state, isBad }: Outcome): VNode {
  return p(
    { class: isBad ? 'fault' : 'service-outcome', role: 'status' },
    state !== undefined && stateWord(state),
    ' ',
    text,
  )
}
