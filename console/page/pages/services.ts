import type { VNode } from 'preact'
import type { ServiceSummary } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import { a, classes, div, li, p, span, ul, pageHead } from '../elements.ts'
import { bytes, duration, perSecond, share } from '../parts/quantity.ts'
import { serviceActions } from '../parts/service-actions.ts'
import { stateWord } from '../parts/state-word.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { durationText } from '../parts/time.ts'
import { addressOf } from '../router.ts'

const everyMs = 5_000

export function Page() {
  const { data, error, reload } = useGet('/api/services', { everyMs })
  return div(
    { class: 'page' },
    pageHead('Services'),
    data === undefined
      ? error === undefined
        ? loading('the services')
        : failure(error, reload)
      : [
          error !== undefined && staleNotice(error, reload),
          data.data.length === 0
            ? empty('No services', p({}, 'The console does not know of any service.'))
            : ul({ class: 'services' }, ...data.data.map((service) => card(service, reload))),
        ],
  )
}

function card(service: ServiceSummary, reload: () => void): VNode {
  const { name, title, state, fault, since, version, url, process, figures } = service
  return li(
    { key: name, class: 'card' },
    div(
      { class: 'card-head' },
      a({ class: 'card-title', href: addressOf(`/services/${encodeURIComponent(name)}`) }, name),
      span({ class: 'quiet' }, title),
      stateWord(state),
    ),
    fault !== '' && p({ class: 'fault' }, fault),
    p(
      { class: 'card-figures' },
      span({}, perSecond(figures.requestsPerSecond)),
      span({ class: classes((figures.errorShare ?? 0) > 0 && 'bad') }, `${share(figures.errorShare)} errors`),
      span({}, `95 % within ${duration(figures.p95Ms)}`),
    ),
    p(
      { class: 'quiet' },
      [
        `${state} for ${durationText(Math.max(0, Date.now() - since))}`,
        version,
        url,
        process.memoryBytes !== null && bytes(process.memoryBytes),
      ]
        .filter(Boolean)
        .join(' · '),
    ),
    serviceActions({ service, reload }),
  )
}
