import type { Span } from '../../src/wire/index.ts'

/** A span, or what stands for one that is missing, with those below it by time. */
export type SpanNode = {
  readonly id: string
  /** Undefined where others name it as their parent and it is not kept. */
  readonly span: Span | undefined
  readonly at: number
  readonly endAt: number
  readonly children: readonly SpanNode[]
}

export type SpanRow = {
  readonly node: SpanNode
  readonly level: number
  readonly isClosed: boolean
  readonly isCritical: boolean
}

export type SpanTree = {
  readonly roots: readonly SpanNode[]
  readonly from: number
  readonly to: number
  /** The spans on which the duration depends: to shorten another one shortens nothing. */
  readonly critical: ReadonlySet<string>
}

/** Joins spans to trees. A parent that is missing gets a node of its own, so that a gap is seen as one. */
export function treeOf(spans: readonly Span[]): SpanTree {
  const known = new Set(spans.map(({ id }) => id))
  const below = Map.groupBy(spans, ({ id, parentId }) => (parentId === id ? '' : parentId))
  const seen = new Set<string>()
  const nodeOf = (span: Span): SpanNode => {
    seen.add(span.id)
    const children = childrenOf(span.id)
    const endAt = span.at + span.durationMs
    return { id: span.id, span, at: span.at, endAt, children }
  }
  const childrenOf = (id: string): SpanNode[] =>
    (below.get(id) ?? []).filter((span) => !seen.has(span.id)).map(nodeOf)

  const roots = childrenOf('')
  for (const parentId of below.keys())
    if (parentId !== '' && !known.has(parentId)) roots.push(gapOf(parentId, childrenOf(parentId)))
  // Spans that name each other as parents belong to no tree; each begins one.
  for (const span of spans) if (!seen.has(span.id)) roots.push(nodeOf(span))
  roots.sort((one, other) => one.at - other.at)
  const from = spans.reduce((least, { at }) => Math.min(least, at), Infinity)
  const to = spans.reduce((most, { at, durationMs }) => Math.max(most, at + durationMs), -Infinity)
  const critical = new Set<string>()
  const [first] = roots
  if (first !== undefined) addCritical(first, Infinity, critical)
  return { roots, from, to, critical }
}

function gapOf(id: string, children: readonly SpanNode[]): SpanNode {
  return {
    id,
    span: undefined,
    at: Math.min(...children.map(({ at }) => at)),
    endAt: Math.max(...children.map(({ endAt }) => endAt)),
    children,
  }
}

/** From the end back: the child that ended last, then that which ended last before it began, and so on. */
function addCritical(node: SpanNode, until: number, critical: Set<string>): void {
  critical.add(node.id)
  const last = Math.min(node.endAt, until)
  // What ends later than the parent did not delay it, unless it is the server of a request: a response may arrive before its span ends.
  const endOf = ({ span, endAt }: SpanNode) => (span?.kind === 'server' ? Math.min(endAt, last) : endAt)
  let end = last
  for (const child of node.children.toSorted((one, other) => endOf(other) - endOf(one))) {
    if (child.at >= end || endOf(child) > end) continue
    addCritical(child, end, critical)
    end = child.at
  }
}

/** The rows of trees from the top; those below a closed one are left out. */
export function rowsOf({ roots, critical }: SpanTree, closed: ReadonlySet<string>): SpanRow[] {
  const rows: SpanRow[] = []
  const add = (node: SpanNode, level: number) => {
    const isClosed = closed.has(node.id)
    rows.push({ node, level, isClosed, isCritical: critical.has(node.id) })
    if (!isClosed) for (const child of node.children) add(child, level + 1)
  }
  for (const root of roots) add(root, 1)
  return rows
}

/** How long a span was at work itself: its duration less the time in which any of its children was. */
export function selfMs({ at, endAt, children }: SpanNode): number {
  let covered = 0
  let reached = at
  for (const child of children.toSorted((one, other) => one.at - other.at)) {
    const [start, end] = [Math.max(child.at, reached), Math.min(child.endAt, endAt)]
    if (end <= start) continue
    covered += end - start
    reached = end
  }
  return Math.max(0, endAt - at - covered)
}

export type Pair = {
  readonly id: string
  readonly level: number
  readonly name: string
  readonly service: string
  readonly one: Span | undefined
  readonly other: Span | undefined
}

/** The spans of two traces side by side: those of one service and name below the same ones, the first with the first. */
export function pairsOf(one: SpanTree, other: SpanTree): Pair[] {
  const pairs: Pair[] = []
  addPairs(one.roots, other.roots, 1, pairs)
  return pairs
}

function addPairs(
  ones: readonly SpanNode[],
  others: readonly SpanNode[],
  level: number,
  pairs: Pair[],
): void {
  const left = [...others]
  for (const node of ones) {
    const index = left.findIndex((candidate) => keyOf(candidate) === keyOf(node))
    const match = index < 0 ? undefined : left.splice(index, 1)[0]
    addPair(node, match, level, pairs)
  }
  for (const node of left) addPair(undefined, node, level, pairs)
}

function addPair(one: SpanNode | undefined, other: SpanNode | undefined, level: number, pairs: Pair[]): void {
  const span = one?.span ?? other?.span
  pairs.push({
    id: `${one?.id ?? ''} ${other?.id ?? ''}`,
    level,
    name: span?.name ?? 'Not kept',
    service: span?.service ?? '',
    one: one?.span,
    other: other?.span,
  })
  addPairs(one?.children ?? [], other?.children ?? [], level + 1, pairs)
}

const keyOf = ({ span }: SpanNode): string => (span === undefined ? '' : `${span.service} ${span.name}`)
