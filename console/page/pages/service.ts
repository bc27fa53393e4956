import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { ServiceDetail } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import {
  a,
  button,
  caption,
  classes,
  code,
  component,
  div,
  h2,
  li,
  p,
  section,
  span,
  table,
  tbody,
  td,
  th,
  thead,
  tr,
  ul,
  pageHead,
} from '../elements.ts'
import type { PageProps } from '../pages.ts'
import { factList } from '../parts/fact-list.ts'
import { moment } from '../parts/instant.ts'
import { absent, bytes, count, duration, perSecond, share } from '../parts/quantity.ts'
import { namedChart } from '../parts/series-chart.ts'
import { serviceActions } from '../parts/service-actions.ts'
import { stateWord } from '../parts/state-word.ts'
import { failure, loading, staleNotice } from '../parts/states.ts'
import { agoText } from '../parts/time.ts'
import { addressOf } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'

const everyMs = 5_000

export function Page({ params }: PageProps) {
  const name = params.name ?? ''
  const { data, error, reload } = useGet('/api/services/:name', { params: { name }, everyMs })
  const timeSpan = useTimeSpan()
  return div(
    { class: 'page' },
    pageHead(
      name,
      data !== undefined && stateWord(data.state),
      data !== undefined && span({ class: 'quiet' }, data.title),
      a({ href: addressOf('/services') }, 'All services'),
    ),
    data === undefined
      ? error === undefined
        ? loading(name)
        : failure(error, reload)
      : [
          error !== undefined && staleNotice(error, reload),
          data.fault !== '' && p({ class: 'notice bad', role: 'status' }, data.fault),
          serviceActions({ service: data, reload }),
          facts(data),
          links(data),
          namedChart({ name: 'requests', timeSpan, service: name, only: name }),
          dependencies(data),
          doctor({ name }),
          settings(data),
        ],
  )
}

function facts({ since, version, url, process, figures, migrationsPending }: ServiceDetail): VNode {
  const { requestsPerSecond, errorShare, p95Ms } = figures
  return factList([
    { name: 'Requests', value: perSecond(requestsPerSecond) },
    { name: 'Errors', value: share(errorShare), tone: (errorShare ?? 0) > 0 ? 'bad' : undefined },
    { name: '95 % within', value: duration(p95Ms) },
    { name: 'In this state', value: ['since ', moment(since)] },
    {
      name: 'Process',
      value:
        process.id === null
          ? absent
          : `${process.id}, started ${process.startedAt === null ? absent : agoText(process.startedAt)}`,
    },
    { name: 'Memory', value: bytes(process.memoryBytes) },
    { name: 'Version', value: version },
    { name: 'Address', value: url },
    {
      name: 'Migrations pending',
      value: count(migrationsPending.length),
      tone: migrationsPending.length > 0 ? 'warn' : undefined,
      note: migrationsPending.join(', ') || undefined,
    },
  ])
}

function links({ name }: ServiceDetail): VNode {
  return p(
    { class: 'links' },
    a({ href: addressOf('/traces', { service: name }) }, 'Its traces'),
    a({ href: addressOf('/traces', { service: name, why: 'error' }) }, 'Its errors'),
    a({ href: addressOf('/logs', { service: name }) }, 'Its log'),
    a({ href: addressOf('/charts', { service: name }) }, 'Its charts'),
  )
}

function dependencies({ dependencies, migrationsPending }: ServiceDetail): VNode {
  const all = Object.entries(dependencies)
  return section(
    { 'aria-labelledby': 'dependencies' },
    h2({ id: 'dependencies' }, 'What it needs'),
    all.length === 0
      ? p({ class: 'quiet' }, 'It says so while it runs.')
      : ul(
          { class: 'pairs-list' },
          ...all.map(([name, state]) =>
            li(
              { key: name },
              span({}, name),
              span({ class: classes(state !== 'up' && state !== 'ok' && 'bad') }, state),
            ),
          ),
        ),
    migrationsPending.length > 0 && p({ class: 'notice warn' }, `Pending: ${migrationsPending.join(', ')}.`),
  )
}

/** What `quintet doctor` finds. It asks every engine, so only on demand. */
const doctor = component(function Doctor({ name }: { readonly name: string }) {
  const [isAsked, setAsked] = useState(false)
  const { data, error, isLoading, reload } = useGet('/api/services/:name', {
    params: { name },
    query: { doctor: 1 },
    skip: !isAsked,
  })
  const findings = data?.findings ?? undefined
  return section(
    { 'aria-labelledby': 'findings' },
    h2({ id: 'findings' }, 'Findings'),
    p(
      { class: 'quiet' },
      'Whether the engines that it uses are set up as it needs them: the same as ',
      code({}, 'npm run quintet doctor'),
      '.',
    ),
    isAsked && isLoading
      ? p({ role: 'status' }, 'Examining …')
      : button(
          { type: 'button', onClick: () => (isAsked ? reload() : setAsked(true)) },
          findings === undefined ? 'Examine' : 'Examine again',
        ),
    error !== undefined && p({ class: 'fault', role: 'alert' }, error.message),
    findings !== undefined &&
      (findings.length === 0
        ? p({}, 'There is nothing to say.')
        : ul(
            { class: 'findings' },
            ...findings.map(({ level, subject, text }) =>
              li(
                { key: `${subject} ${text}`, class: level },
                span({ class: 'finding-level' }, level),
                span({}, `${subject}: ${text}`),
              ),
            ),
          )),
  )
})

function settings({ settings }: ServiceDetail): VNode {
  return section(
    {},
    h2({ id: 'settings' }, 'Settings'),
    div(
      { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-labelledby': 'settings' },
      table(
        { class: 'list' },
        caption({ class: 'hidden' }, 'Settings, without secrets'),
        thead(
          {},
          tr({}, ...['Name', 'Value', 'Source', 'Meaning'].map((title) => th({ scope: 'col' }, title))),
        ),
        tbody(
          {},
          ...settings.map(({ name, value, source, description }) =>
            tr(
              { key: name },
              th({ scope: 'row' }, code({}, name)),
              td({}, value === '' ? absent : code({}, value)),
              td({}, source),
              td({ class: 'quiet' }, description),
            ),
          ),
        ),
      ),
    ),
  )
}
