import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceDetail } from '@quintet/chassis/telemetry/file'
import { traceText } from '../cli/trace-text.ts'
import { waterfall } from '../cli/waterfall.ts'

type Span = TraceDetail['data'][number]

function spanOf(
  spanId: string,
  parentId: string,
  startMs: number,
  durationMs: number,
  more: Partial<Span> = {},
): Span {
  return {
    ...{
      traceId: 't',
      spanId,
      parentId,
      service: 'guid',
      name: spanId,
      kind: 'internal',
      startMs,
      durationMs,
    },
    ...{ error: '', attributes: {}, links: [], ...more },
  }
}

test('Spans are below those that have caused them, with bars for their times', () => {
  const spans = [
    spanOf('a', '', 0, 100),
    spanOf('b', 'a', 50, 50, { error: '500' }),
    spanOf('c', 'a', 0, 25),
    spanOf('d', 'c', 10, 0),
    spanOf('e', 'missing', 20, 5),
  ]
  const lines = waterfall(spans).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => line.replace(/█.*/, '').trimEnd()),
    ['guid  a', '  guid  b', '  guid  c', '    guid  d', 'guid  e'],
  )
  const bars = lines.map((line) => line.match(/█+/)?.[0].length)
  assert.deepEqual(bars, [40, 20, 10, 1, 2])
  assert.ok(lines[1]?.endsWith('50.0 ms  failed: 500'))
})

test('What a terminal obeys, or what hides other text, is escaped wherever a trace has it', () => {
  const hostile = 'x\u001b[2J\ny\u202e'
  const summary = {
    ...{ id: 'a', requestId: hostile, at: 0, root: hostile, service: hostile, services: [hostile] },
    ...{ durationMs: 1, spans: 1, failed: true, status: 200, why: 'error' as const },
  }
  const data = [spanOf('a', '', 0, 1, { service: hostile, name: hostile, error: hostile })]
  const text = traceText({ ...summary, data, linked: [summary], gaps: [hostile] })
  assert.equal(text.split(String.raw`x\u{1b}[2J\u{a}y\u{202e}`).length - 1, 7)
  assert.doesNotMatch(text.replaceAll('\n', ''), /\p{C}/u)
})

test('Spans that are the cause of one another, and names that a terminal obeys, are printed once each', () => {
  const text = waterfall([
    spanOf('a', 'b', 0, 1),
    spanOf('b', 'a', 0, 1, { name: 'x\u001b[2J\ny' }),
    spanOf('c', 'c', 0, 1),
  ])
  assert.equal(text.trimEnd().split('\n').length, 3)
  assert.ok(!text.includes('\u001b'))
})
