import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pairsOf, rowsOf, selfMs, treeOf } from '../page/parts/span-tree.ts'
import type { SpanNode } from '../page/parts/span-tree.ts'
import type { Span } from '../src/wire/index.ts'

test('Spans are below their parents, by time, from the first to the last moment of any', () => {
  const tree = treeOf([
    spanOf('read', 'server', 10, 20),
    spanOf('root', '', 0, 100),
    spanOf('server', 'root', 5, 90),
  ])
  assert.deepEqual(shown(tree.roots), ['root', '  server', '    read'])
  assert.deepEqual([tree.from, tree.to], [0, 100])
})

test('A parent that is not kept is a gap from the first to the last moment of those below it', () => {
  const tree = treeOf([
    spanOf('root', '', 0, 100),
    spanOf('late', 'missing', 60, 20),
    spanOf('early', 'missing', 40, 10),
  ])
  assert.deepEqual(shown(tree.roots), ['root', 'missing', '  late', '  early'])
  const [, gap] = tree.roots
  assert.deepEqual([gap?.span, gap?.at, gap?.endAt], [undefined, 40, 80])
})

test('Spans that name each other as parents are shown once each', () => {
  const tree = treeOf([
    spanOf('one', 'other', 0, 10),
    spanOf('other', 'one', 1, 5),
    spanOf('self', 'self', 2, 1),
  ])
  assert.deepEqual(
    shown(tree.roots)
      .map((text) => text.trim())
      .toSorted(),
    ['one', 'other', 'self'],
  )
})

test('A tree of 512 spans each below the one before is shown whole', () => {
  const spans = Array.from({ length: 512 }, (_, i) => spanOf(`${i}`, i === 0 ? '' : `${i - 1}`, i, 600 - i))
  assert.equal(rowsOf(treeOf(spans), new Set()).length, 512)
})

test('The critical path leads back from the end through what ended last before', () => {
  const { critical } = treeOf([
    spanOf('root', '', 0, 100),
    spanOf('first', 'root', 0, 40),
    spanOf('beside', 'root', 5, 20),
    spanOf('second', 'root', 40, 55),
    spanOf('inner', 'second', 50, 40),
    spanOf('after', 'root', 90, 30),
  ])
  assert.deepEqual([...critical].toSorted(), ['first', 'inner', 'root', 'second'])
})

test('The server of a request is on the critical path, also where its span ends after the response has arrived', () => {
  const { critical } = treeOf([
    spanOf('request', '', 0, 100),
    { ...spanOf('response', 'request', 1, 102), kind: 'server' },
    spanOf('commit', 'response', 2, 90),
  ])
  assert.deepEqual([...critical], ['request', 'response', 'commit'])
})

test('What is closed hides what is below it, and nothing else', () => {
  const tree = treeOf([
    spanOf('root', '', 0, 100),
    spanOf('a', 'root', 0, 10),
    spanOf('below', 'a', 1, 2),
    spanOf('b', 'root', 20, 10),
  ])
  const ids = rowsOf(tree, new Set(['a'])).map(({ node }) => node.id)
  assert.deepEqual(ids, ['root', 'a', 'b'])
})

test('The time of a span itself leaves out that of those below it, which may overlap and may end later', () => {
  const [root] = treeOf([
    spanOf('root', '', 0, 100),
    spanOf('a', 'root', 10, 30),
    spanOf('b', 'root', 20, 30),
    spanOf('c', 'root', 90, 50),
  ]).roots
  assert.ok(root)
  assert.equal(selfMs(root), 50)
})

test('Two traces are compared span by span, the first of a name with the first, and extra ones alone', () => {
  const one = treeOf([
    spanOf('r1', '', 0, 100, 'GET'),
    spanOf('s1', 'r1', 0, 10, 'SELECT'),
    spanOf('c1', 'r1', 20, 10, 'commit'),
  ])
  const other = treeOf([
    spanOf('r2', '', 0, 50, 'GET'),
    spanOf('s2', 'r2', 0, 5, 'SELECT'),
    spanOf('s3', 'r2', 5, 6, 'SELECT'),
  ])
  const pairs = pairsOf(one, other).map(({ name, one, other }) => [name, one?.id, other?.id])
  assert.deepEqual(pairs, [
    ['GET', 'r1', 'r2'],
    ['SELECT', 's1', 's2'],
    ['commit', 'c1', undefined],
    ['SELECT', undefined, 's3'],
  ])
})

function spanOf(id: string, parentId: string, at: number, durationMs: number, name = id): Span {
  const rest = { service: 'guid', kind: 'internal', error: '', attributes: {}, links: [] } as const
  return { id, parentId, name, at, durationMs, ...rest, attributes: {}, links: [] }
}

function shown(nodes: readonly SpanNode[], indent = ''): string[] {
  return nodes.flatMap(({ id, children }) => [`${indent}${id}`, ...shown(children, `${indent}  `)])
}
