import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { PromiseCheck } from '../../src/wire/index.ts'
import { asCallError, post, useGet } from '../api.ts'
import { a, button, classes, code, component, div, h2, li, p, span, ul, pageHead } from '../elements.ts'
import { copyButton } from '../parts/copy-button.ts'
import { moment } from '../parts/instant.ts'
import { count, duration } from '../parts/quantity.ts'
import { stateWord } from '../parts/state-word.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { agoText, counted } from '../parts/time.ts'
import { addressOf } from '../router.ts'
import { announce, refusalOfActions, session } from '../session.ts'
import { useStore } from '../store.ts'

/** Checks read the databases, so the page looks at their last results, and each is made anew on demand. */
const everyMs = 30_000

export function Page() {
  const { data, error, reload } = useGet('/api/promises', { everyMs })
  return div(
    { class: 'page' },
    pageHead('Promises', data !== undefined && verdictsInWords(data.data)),
    p(
      { class: 'quiet lead' },
      'What the system guarantees, looked at while it runs. Each row names the command that tries to break the promise.',
    ),
    data === undefined
      ? error === undefined
        ? loading('the promises')
        : failure(error, reload)
      : [
          error !== undefined && staleNotice(error, reload),
          data.data.length === 0
            ? empty('No promises', p({}, 'None of the services that respond has promises to check.'))
            : ul(
                { class: 'promises' },
                ...worstFirst(data.data).map((check) => row({ key: `${check.service} ${check.id}`, check })),
              ),
        ],
  )
}

function worstFirst(checks: readonly PromiseCheck[]): PromiseCheck[] {
  return checks.toSorted(
    (one, other) => Number(other.verdict === 'broken') - Number(one.verdict === 'broken'),
  )
}

function verdictsInWords(checks: readonly PromiseCheck[]): VNode {
  const of = (verdict: PromiseCheck['verdict']) => checks.filter((check) => check.verdict === verdict).length
  const parts = [
    `${count(of('kept'))} kept`,
    of('broken') > 0 && `${count(of('broken'))} broken`,
    of('unknown') > 0 && `${count(of('unknown'))} unknown`,
  ]
  return span({ class: of('broken') > 0 ? 'bad' : 'quiet' }, parts.filter(Boolean).join(' · '))
}

const row = component(function Row({ check }: { readonly check: PromiseCheck }) {
  const [renewed, setRenewed] = useState<PromiseCheck>()
  const [fault, setFault] = useState('')
  const [isRunning, setRunning] = useState(false)
  const refusal = refusalOfActions(useStore(session))
  const newest = renewed !== undefined && (renewed.at ?? 0) > (check.at ?? 0) ? renewed : check

  async function checkNow(): Promise<void> {
    setRunning(true)
    setFault('')
    try {
      const { service, id } = check
      const found = await post('/api/promises/:service/:id/check', {}, { params: { service, id } })
      setRenewed(found)
      announce(`${found.title} ${found.verdict}. ${found.found}`)
    } catch (error) {
      setFault(asCallError(error).message)
    }
    setRunning(false)
  }
  const { service, title, guarantee, verdict, found, sample, at, durationMs, command } = newest
  return li(
    { class: classes('promise', verdict === 'broken' && 'broken') },
    div({ class: 'promise-verdict' }, stateWord(verdict)),
    div(
      { class: 'promise-text' },
      h2({}, title),
      p({}, found === '' ? 'It has not been looked at yet.' : found),
      p(
        { class: 'quiet' },
        a({ href: addressOf(`/services/${encodeURIComponent(service)}`) }, service),
        ` · ${guarantee}`,
        at !== null && [' · ', moment(at), ` (${agoText(at)})`],
        sample > 0 && ` · sample of ${counted(sample, 'row')}`,
        durationMs !== null && ` · took ${duration(durationMs)}`,
      ),
      fault !== '' && p({ class: 'fault', role: 'alert' }, fault),
      p({ class: 'command' }, code({}, command), copyButton({ text: command, what: 'The command' })),
    ),
    button(
      {
        type: 'button',
        disabled: isRunning || refusal !== undefined,
        title: refusal,
        onClick: () => void checkNow(),
        'aria-label': `Check now: ${title}`,
      },
      isRunning ? 'Checking …' : 'Check now',
    ),
  )
})
