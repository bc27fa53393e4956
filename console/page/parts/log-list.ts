import type { LogLine } from '../../src/wire/index.ts'
import { a, classes, component, dd, div, dl, dt, h2, pre, span } from '../elements.ts'
import { addressOf } from '../router.ts'
import { copyButton } from './copy-button.ts'
import { grid } from './grid.ts'
import type { Column } from './grid.ts'
import { serviceName } from './service-name.ts'
import { time } from './time.ts'

type LogListProps = {
  readonly lines: readonly LogLine[]
  readonly open: (line: LogLine) => void
  readonly openId: number | undefined
  readonly nearEnd?: () => void
}

const tones = {
  trace: undefined,
  debug: undefined,
  info: undefined,
  warn: 'warn',
  error: 'bad',
  fatal: 'bad',
} as const

const columns: readonly Column<LogLine>[] = [
  { key: 'time', title: 'Time', width: '9.5rem', cell: ({ at }) => time({ at }) },
  {
    key: 'level',
    title: 'Level',
    width: '5rem',
    cell: ({ level }) => span({ class: classes('tag', level) }, level),
  },
  { key: 'service', title: 'Service', width: '8.5rem', cell: ({ service }) => serviceName(service) },
  { key: 'message', title: 'Message', width: 'minmax(18rem, 1fr)', cell: ({ message }) => message },
  {
    key: 'trace',
    title: 'Trace',
    width: '6.5rem',
    cell: ({ traceId }) =>
      traceId !== '' &&
      a(
        {
          href: addressOf(`/traces/${traceId}`),
          tabIndex: -1,
          class: 'mono',
          title: traceId,
        },
        traceId.slice(0, 8),
      ),
  },
]

/** Lines of the log, each of which opens to its fields. */
export function logList({ lines, open, openId, nearEnd }: LogListProps) {
  return grid<LogLine>({
    label: 'Lines of the log',
    columns,
    rows: lines,
    keyOf: ({ id }) => id,
    textOf: ({ line, service, level }) => `${level} ${service} ${line}`,
    toneOf: ({ level }) => tones[level],
    open,
    ...(openId !== undefined && { openKey: openId }),
    ...(nearEnd !== undefined && { nearEnd }),
  })
}

/** All that a line says. */
export const linePanel = component(function LinePanel({ line }: { readonly line: LogLine }) {
  const fields = fieldsOf(line.line)
  return div(
    { class: 'panel-body' },
    h2({}, line.message),
    div(
      { class: 'toolbar' },
      line.traceId !== '' &&
        a({ class: 'button', href: addressOf(`/traces/${line.traceId}`) }, 'In its trace'),
      a({ class: 'button', href: addressOf('/logs', { around: line.id, line: line.id }) }, '50 lines around'),
      line.requestId !== '' &&
        a({ class: 'button', href: addressOf('/logs', { request: line.requestId }) }, 'Of this request'),
      copyButton({ text: line.line, what: 'The line', title: 'Copy' }),
    ),
    fields === undefined
      ? pre({ class: 'text' }, line.line)
      : dl(
          { class: 'fields' },
          ...fields.flatMap(([name, value]) => [
            dt({ key: name }, name),
            dd({ key: `${name} value` }, isLong(value) ? pre({ class: 'text' }, value) : value),
          ]),
        ),
  )
})

const isLong = (text: string): boolean => text.includes('\n')

/** The fields of a line, those of its error each for itself; undefined where it is no object, such as one that was cut off. */
function fieldsOf(text: string): [name: string, value: string][] | undefined {
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields !== 'object' || fields === null) return undefined
    return Object.entries(fields).flatMap(([name, value]) => flat(name, value))
  } catch {
    return undefined
  }
}

function flat(name: string, value: unknown): [name: string, value: string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value).flatMap(([inner, one]) => flat(`${name}.${inner}`, one))
  return [[name, typeof value === 'string' ? value : JSON.stringify(value)]]
}
