import type { Span } from '../../src/wire/index.ts'
import { a, aside, component, dd, dl, dt, h2, h3, li, p, span, ul } from '../elements.ts'
import { addressOf } from '../router.ts'
import { serviceName } from './service-name.ts'
import { selfMs } from './span-tree.ts'
import type { SpanNode, SpanTree } from './span-tree.ts'
import { durationText, time } from './time.ts'

type SpanPanelProps = { readonly tree: SpanTree; readonly id: string }

/** All that a span says. */
export const spanPanel = component(function SpanPanel({ tree, id }: SpanPanelProps) {
  const node = nodeOf(tree.roots, id) ?? tree.roots[0]
  if (node === undefined) return null
  return aside(
    { class: 'panel', 'aria-label': 'The span' },
    ...(node.span === undefined ? gap(node) : about(node, node.span, tree)),
  )
})

function nodeOf(nodes: readonly SpanNode[], id: string): SpanNode | undefined {
  for (const node of nodes) {
    const found = node.id === id ? node : nodeOf(node.children, id)
    if (found !== undefined) return found
  }
  return undefined
}

function gap({ id, children }: SpanNode) {
  return [
    h2({}, 'Not kept'),
    p(
      {},
      `${children.length === 1 ? 'A span names' : `${children.length} spans name`} the span ${id} as the one that caused them, and nothing is kept of it. It belongs to another process, which has recorded nothing, or to a part that was forgotten.`,
    ),
  ]
}

function about(node: SpanNode, found: Span, tree: SpanTree) {
  const attributes = Object.entries(found.attributes)
  return [
    h2({ class: 'mono' }, found.name),
    found.attributes['quintet.unrecorded'] !== undefined &&
      p(
        { class: 'notice warn' },
        'Its details were not recorded: it is kept because it failed or was slow, and was not among those that are recorded whole.',
      ),
    dl(
      { class: 'fields' },
      ...field('service', serviceName(found.service)),
      ...field('kind', found.kind),
      ...field('began', [time({ at: found.at }), ` (${durationText(found.at - tree.from)} after the first)`]),
      ...field('duration', durationText(found.durationMs)),
      ...field('itself', `${durationText(selfMs(node))}, without those below it`),
      ...field('critical path', tree.critical.has(found.id) ? 'yes' : 'no'),
      ...(found.error === '' ? [] : field('error', span({ class: 'tag error' }, found.error))),
    ),
    h3({}, 'Attributes'),
    attributes.length === 0
      ? p({ class: 'quiet' }, 'It has none.')
      : dl({ class: 'fields' }, ...attributes.flatMap(([name, value]) => field(name, String(value)))),
    found.links.length > 0 && h3({}, 'Links'),
    found.links.length > 0 &&
      ul(
        {},
        ...found.links.map(({ traceId, spanId }) =>
          li(
            { key: spanId },
            a({ class: 'mono', href: addressOf(`/traces/${traceId}`, { at: spanId }) }, traceId),
          ),
        ),
      ),
    h3({}, 'Id'),
    p({ class: 'mono' }, found.id),
  ]
}

function field(name: string, value: unknown) {
  return [
    dt({ key: name }, name),
    dd(
      { key: `${name} value` },
      ...[value].flat().map((one) => (typeof one === 'object' && one !== null ? one : String(one))),
    ),
  ]
}
