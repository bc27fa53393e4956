import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedMetrics, parseSeries, readSamples, seriesText } from '../src/scraping/metrics-text.ts'

test('Samples are read by name, with what is written of their labels, and nothing that follows the value', () => {
  const text = [
    '# HELP a_total What it counts.',
    '# TYPE a_total counter',
    'a_total 1',
    'a_total{b="c"} 2.5e3 1700000000000',
    'a_total{b="c d"} 4 # {trace_id="0af7"} 0.2 1700000000',
    '',
    'b{x="}",y="a \\"b\\" \\\\"} +Inf',
    'c 7',
    'd -0.5',
    'd .5',
    'e NaN',
    '# EOF',
  ].join('\n')
  assert.deepEqual(
    samplesIn(text, (name) => name !== 'c'),
    [
      ['a_total', 1],
      ['a_total{b="c"}', 2_500],
      ['a_total{b="c d"}', 4],
      ['b{x="}",y="a \\"b\\" \\\\"}', Number.POSITIVE_INFINITY],
      ['d', -0.5],
      ['d', 0.5],
      ['e', Number.NaN],
    ],
  )
})

test('The labels of a series are read as they were before they were escaped, and written so again', () => {
  const labels = [
    ['path', 'C:\\new "one"\n'],
    ['empty', ''],
    ['__proto__', 'x'],
  ] as const
  const text = seriesText('a_total', labels)
  assert.equal(text, 'a_total{path="C:\\\\new \\"one\\"\\n",__proto__="x"}')
  const { name, labels: read } = parseSeries(text)
  assert.equal(name, 'a_total')
  assert.deepEqual([...read], [labels[0], labels[2]])
  assert.deepEqual(parseSeries('a_total{}'), { name: 'a_total', labels: new Map() })
  assert.deepEqual(parseSeries('a_total'), { name: 'a_total', labels: new Map() })
  assert.deepEqual([...parseSeries('a{b="c",}').labels], [['b', 'c']])
})

test('A text in no format of metrics is refused, with the line that is not', () => {
  for (const line of [
    '<html>',
    '1a 1',
    'a',
    'a ',
    'a x',
    'a 0x10',
    'a 1_000',
    `a ${'1'.repeat(65)}`,
    'a{b="c" 1',
    'a{b="c\\"} 1',
    'a{b="c"}',
    ' a 1',
  ])
    assert.throws(
      () => samplesIn(`a 1\n${line}\n`),
      {
        constructor: MalformedMetrics,
        message: 'Line 2 is not in the text format of metrics.',
      },
      line,
    )
  for (const series of ['a{b}', 'a{b=c}', 'a{="c"}', 'a{b="c}', 'a{b="c";}', 'a{"b"="c"}'])
    assert.throws(() => parseSeries(series), MalformedMetrics, series)
})

test('Lines of other metrics cost nothing but their length, and a hostile text no more than a plain one of its length', () => {
  assert.deepEqual(
    samplesIn('other{ broken\na 1', (name) => name === 'a'),
    [['a', 1]],
  )
  for (const piece of ['a{', '"', '\\', 'a="', '}', '# ', '1'])
    for (const start of ['a', 'a{b="', 'a ']) {
      const text = `${start}${piece.repeat(1_000_000 / piece.length)}`
      assert.throws(() => samplesIn(text), MalformedMetrics, `${start}${piece}…`)
    }
})

function samplesIn(text: string, isWanted = (_name: string) => true): [string, number][] {
  const samples: [string, number][] = []
  readSamples(text, isWanted, (series, value) => samples.push([series, value]))
  return samples
}
