import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { SpanData, TracePart } from '@quintet/chassis/telemetry'
import { openTelemetryFile, openTelemetryReader } from '@quintet/chassis/telemetry/file'
import type { LogQuery, TraceQuery } from '@quintet/chassis/telemetry/file'
import { temporaryFolder } from './temporary-folder.ts'

const hex = (number: number, length: number) => number.toString(16).padStart(length, '0')
/** Not at the beginning of five minutes, of which traces are counted together. */
const begin = Date.UTC(2026, 0, 1) + 123_456

function open(t: TestContext, path = ':memory:') {
  const file = openTelemetryFile(path, { bytesMax: 50_000_000, now: Date.now })
  t.after(() => file.close())
  return file
}

function spanOf(trace: number, span: Partial<SpanData> = {}): SpanData {
  return {
    ...{
      traceId: hex(trace, 32),
      spanId: hex(1, 16),
      parentId: '',
      service: 'guid',
      name: 'GET /guid/:guid',
    },
    ...{ kind: 'server', startMs: begin + trace * 1_000, durationMs: 10, error: '', links: [] },
    attributes: { 'http.response.status_code': 200 },
    ...span,
  }
}

function partOf(
  trace: number,
  spans: Partial<SpanData>[] = [{}],
  why: TracePart['why'] = 'sampled',
): TracePart {
  const all = spans.map((span, i) => spanOf(trace, { spanId: hex(i + 1, 16), ...span }))
  return { traceId: hex(trace, 32), requestId: `r${trace}`, why, spans: all }
}

const query = (more: Partial<TraceQuery> = {}): TraceQuery => ({ sort: 'time', limit: 1_000, ...more })
const numbersOf = (traces: readonly { id: string }[]) => traces.map(({ id }) => Number.parseInt(id, 16))

/** 600 traces, one each second, of several kinds. */
function filled(t: TestContext) {
  const file = open(t)
  file.write(
    Array.from({ length: 600 }, (_, i) => {
      if (i % 100 === 7)
        return partOf(i, [{ error: '500', attributes: { 'http.response.status_code': 500 } }], 'error')
      if (i % 100 === 8) return partOf(i, [{ durationMs: 900 + i }], 'slow')
      if (i % 10 === 1)
        return partOf(i, [{ name: 'GET /api/movies', service: 'gateway' }, { service: 'inventory' }])
      return partOf(i, [{ durationMs: i % 10 }])
    }),
    [],
  )
  return file
}

test('Traces are found by what they are, and counted without a look at each', async (t) => {
  const file = filled(t)
  const numbers = Array.from({ length: 600 }, (_, i) => i).reverse()
  const cases: [Partial<TraceQuery>, (i: number) => boolean][] = [
    [{}, () => true],
    [{ service: 'inventory' }, (i) => i % 10 === 1],
    [{ service: 'invent' }, () => false],
    [{ route: 'GET /api/movies' }, (i) => i % 10 === 1],
    [{ why: 'error' }, (i) => i % 100 === 7],
    [{ why: 'slow' }, (i) => i % 100 === 8],
    [{ status: '5xx' }, (i) => i % 100 === 7],
    [{ status: '200', service: 'inventory' }, (i) => i % 10 === 1],
    [{ status: '404' }, () => false],
    [{ minMs: 900 }, (i) => i % 100 === 8],
    [{ minMs: 900, maxMs: 1_200 }, (i) => i % 100 === 8 && i <= 300],
    [{ from: begin + 250_500, to: begin + 351_000 }, (i) => i > 250 && i <= 351],
    [{ from: begin + 250_500, to: begin + 351_000, why: 'slow' }, (i) => i === 308],
    [{ from: begin + 10_000, to: begin + 12_000, service: 'inventory' }, (i) => i === 11],
    [{ from: begin + 700_000 }, () => false],
  ]
  for (const [filter, isWanted] of cases) {
    const expected = numbers.filter(isWanted)
    for (const sort of ['time', 'duration'] as const) {
      const { data, next, held } = await file.searchTraces(query({ ...filter, sort }))
      const name = JSON.stringify({ ...filter, sort })
      assert.deepEqual(
        numbersOf(data).sort((one, other) => other - one),
        expected,
        name,
      )
      assert.deepEqual(held, { kept: expected.length, oldestAt: begin, stopped: false }, name)
      assert.equal(next, undefined)
      const values = data.map((trace) => (sort === 'time' ? trace.at : trace.durationMs))
      assert.deepEqual(
        values,
        values.toSorted((one, other) => other - one),
        name,
      )
    }
  }
})

test('Facets have what there is in the time that is asked for, whatever else is', async (t) => {
  const file = filled(t)
  const { facets } = await file.searchTraces(
    query({ from: begin, to: begin + 299_999, why: 'error', limit: 1 }),
  )
  assert.deepEqual(facets, {
    service: { guid: 270, gateway: 30, inventory: 30 },
    route: { 'GET /guid/:guid': 270, 'GET /api/movies': 30 },
    why: { sampled: 294, error: 3, slow: 3 },
  })
})

test('Pages have each trace once while others are added and parts of old ones arrive', async (t) => {
  for (const sort of ['time', 'duration'] as const) {
    const file = filled(t)
    const seen: number[] = []
    let after: TraceQuery['after']
    for (let page = 0; page < 100; page += 1) {
      const found = await file.searchTraces(query({ sort, limit: 37, after }))
      seen.push(...numbersOf(found.data))
      after = found.next
      if (after === undefined) break
      file.write(
        [
          partOf(1_000 + page, [{ durationMs: 5_000 }]),
          partOf(page, [{ spanId: hex(99, 16), durationMs: 0 }]),
        ],
        [],
      )
    }
    assert.deepEqual(
      seen.toSorted((one, other) => one - other),
      Array.from({ length: 600 }, (_, i) => i),
    )
  }
})

test('Words are found in ids, names and values, all of them and whatever the case', async (t) => {
  const file = open(t)
  const attributes = { 'url.path': '/guid/00C0FFEE', 'messaging.message.id': 'm-17' }
  file.write([partOf(1), partOf(2, [{ attributes }]), partOf(3, [{ error: 'timeout' }], 'error')], [])
  const found = async (words: string) => numbersOf((await file.searchTraces(query({ words }))).data)
  assert.deepEqual(await found('coffee'), [])
  assert.deepEqual(await found('00c0ffee M-17'), [2])
  assert.deepEqual(await found('r3'), [3])
  assert.deepEqual(await found(hex(1, 32)), [1])
  assert.deepEqual(await found('timeout'), [3])
  assert.deepEqual(await found('url.path'), [], 'the names of attributes are no words')
  assert.deepEqual(await found(`%' or 1=1 --"`), [])
})

test('A trace has its spans by time, the traces that messages link it to, and the reasons for what is missing', (t) => {
  const file = open(t)
  const to = { traceId: hex(1, 32), spanId: hex(2, 16) }
  const elsewhere = { traceId: hex(99, 32), spanId: hex(2, 16) }
  file.write(
    [
      partOf(1, [
        { service: 'gateway', name: 'POST /api/billing', parentId: hex(77, 16) },
        { kind: 'producer', name: 'send billing_queue', parentId: hex(1, 16), startMs: begin + 1_005 },
        {
          service: 'gateway',
          name: 'GET',
          kind: 'client',
          parentId: hex(1, 16),
          attributes: { 'quintet.upstream': 'guid' },
        },
      ]),
      partOf(
        2,
        [{ service: 'billing', links: [to, elsewhere], attributes: { 'quintet.unrecorded': true } }],
        'error',
      ),
    ],
    [],
  )
  const posted = file.readTrace(hex(1, 32))
  assert.deepEqual(
    posted?.data.map(({ name }) => name),
    ['POST /api/billing', 'GET', 'send billing_queue'],
  )
  assert.deepEqual(numbersOf(posted?.linked ?? []), [2])
  assert.equal(posted?.gaps.length, 2)
  assert.match(posted?.gaps[0] ?? '', /^What has caused POST \/api\/billing of gateway is not kept/)
  assert.match(posted?.gaps[1] ?? '', /^What guid has done for gateway is not kept/)
  const handled = file.readTrace(hex(2, 32))
  assert.deepEqual(handled?.data[0]?.links, [to, elsewhere])
  assert.deepEqual(numbersOf(handled?.linked ?? []), [1])
  assert.match(handled?.gaps[0] ?? '', /its own span alone/)
  assert.equal(handled?.gaps[1], '1 linked traces are not kept.')
  assert.equal(file.readTrace(hex(3, 32)), undefined)
  const otlp = JSON.parse(file.readTraceAsOtlp(hex(2, 32), '1.2.3') ?? '')
  assert.equal(otlp.resourceSpans[0].scopeSpans[0].spans[0].traceId, hex(2, 32))
})

function lineOf(i: number, more: object = {}) {
  const service = i % 4 === 0 ? 'gateway' : 'guid'
  const level = i % 50 === 0 ? 'error' : 'warn'
  const msg = `line ${i} the circuit ${i % 2 === 0 ? 'opened' : 'closed'}`
  return { service, line: JSON.stringify({ level, time: begin + i * 1_000, msg, ...more }) }
}

test('Lines are found by level, service, words, trace, request and time, the newest first, page by page', async (t) => {
  const file = open(t)
  const all = Array.from({ length: 1_200 }, (_, i) =>
    lineOf(i, i === 5 ? { traceId: hex(5, 32), requestId: 'r5' } : {}),
  )
  file.write([], all.slice(600))
  file.write([], all.slice(0, 600).reverse())
  const numbers = Array.from({ length: 1_200 }, (_, i) => i).reverse()
  const cases: [Partial<LogQuery>, (i: number) => boolean][] = [
    [{}, () => true],
    [{ level: 'warn' }, () => true],
    [{ level: 'error' }, (i) => i % 50 === 0],
    [{ level: 'fatal' }, () => false],
    [{ level: 'error', service: 'gateway' }, (i) => i % 100 === 0],
    [{ words: 'opened' }, (i) => i % 2 === 0],
    [{ words: 'CIRCUIT closed', service: 'guid' }, (i) => i % 2 === 1],
    [{ words: '77' }, (i) => i === 77],
    [{ words: 'opened', level: 'error', from: begin + 500_000 }, (i) => i % 50 === 0 && i >= 500],
    [{ words: 'closed opened' }, () => false],
    [{ traceId: hex(5, 32) }, (i) => i === 5],
    [{ requestId: 'r5', level: 'error' }, () => false],
    [{ from: begin + 100_500, to: begin + 700_000 }, (i) => i > 100 && i <= 700],
    [
      { from: begin + 100_500, to: begin + 700_000, service: 'gateway' },
      (i) => i > 100 && i <= 700 && i % 4 === 0,
    ],
  ]
  for (const [filter, isWanted] of cases) {
    const seen: number[] = []
    const name = JSON.stringify(filter)
    const expected = numbers.filter(isWanted)
    let before: number | undefined
    do {
      const page = await file.searchLogs({ ...filter, limit: 97, before })
      seen.push(...page.data.map(({ at }) => (at - begin) / 1_000))
      assert.deepEqual(page.held, { kept: expected.length, oldestAt: begin, stopped: false }, name)
      before = page.next
    } while (before !== undefined)
    assert.deepEqual(seen, expected, name)
  }
  const [line] = (await file.searchLogs({ words: '300', limit: 1 })).data
  const around = file.linesAround(line?.id ?? 0, 2).map(({ at }) => (at - begin) / 1_000)
  assert.deepEqual(around, [298, 299, 300, 301, 302])
})

test('No words of a user are an error of the search', async (t) => {
  const file = open(t)
  file.write([], [lineOf(1), { service: 'guid', line: 'NEAR ("a" OR b*) -c' }])
  const hostile = [
    '"',
    '""',
    "'",
    '*',
    'NEAR',
    'a AND',
    'OR OR',
    '(',
    ')',
    '{x}: y',
    'line:circuit',
    '-line',
    '^x',
    'a\0b',
    '   ',
    '\ud800',
    'a"b"c',
    'NOT',
    '+ +',
    '"'.repeat(200),
    ';drop table log;',
  ]
  for (const words of hostile) {
    const { data } = await file.searchLogs({ words, limit: 10 })
    assert.ok(data.length <= 2, words)
    await file.searchTraces(query({ words }))
  }
  assert.equal((await file.searchLogs({ words: 'near (a or b*)', limit: 10 })).data.length, 1)
})

test('Lines of one time have ids of their own, and a line without a time is the oldest', async (t) => {
  const file = open(t)
  const line = JSON.stringify({ level: 'warn', time: begin, msg: 'x' })
  file.write(
    [],
    Array.from({ length: 3_000 }, () => ({ service: 'guid', line })),
  )
  file.write(
    [],
    [
      { service: 'guid', line: 'no JSON' },
      { service: 'guid', line: '{"time":1e300}' },
    ],
  )
  const { data, held } = await file.searchLogs({ limit: 5_000 })
  assert.equal(data.length, 3_002)
  assert.equal(new Set(data.map(({ id }) => id)).size, 3_002)
  assert.equal(held.oldestAt, 0)
  assert.ok(data.every(({ id }) => Number.isSafeInteger(id)))
})

test('Counts of kinds follow traces that grow, and what is forgotten', async (t) => {
  const file = openTelemetryFile(':memory:', { bytesMax: 1_000_000, now: Date.now })
  t.after(() => file.close())
  const path = 'x'.repeat(900)
  for (let i = 0; i < 2_000; i += 20) {
    const numbers = Array.from({ length: 20 }, (_, j) => i + j)
    const lines = numbers.map((number) => lineOf(number, { path }))
    file.write(
      numbers.map((number) => partOf(number, [{ attributes: { 'url.path': path } }])),
      lines,
    )
    file.write(
      numbers.map((number) =>
        partOf(number, [{ spanId: hex(9, 16), service: 'gateway', startMs: begin }], 'slow'),
      ),
      [],
    )
  }
  const { data, held, facets } = await file.searchTraces(query({ limit: 5_000 }))
  assert.ok(data.length > 50 && data.length < 1_900, String(data.length))
  assert.equal(held.kept, data.length)
  assert.deepEqual(facets.service, { gateway: data.length, guid: data.length })
  assert.deepEqual(facets.why, { slow: data.length })
  const logs = await file.searchLogs({ limit: 5_000 })
  assert.equal(logs.held.kept, logs.data.length)
  assert.ok(file.bytes() <= 1_000_000)
})

test('A reader sees what another program adds, and a look at the newest finds nothing where nothing was added', (t) => {
  const path = join(temporaryFolder(t), 'telemetry.db')
  assert.throws(() => openTelemetryReader(path), /unable to open/)
  const file = open(t, path)
  const reader = openTelemetryReader(path)
  t.after(() => reader?.close())
  file.write([partOf(1)], [lineOf(1)])
  const first = reader?.readRecent({ mark: '', since: begin })
  assert.deepEqual(numbersOf(first?.traces ?? []), [1])
  assert.equal(first?.lines.length, 1)
  assert.equal(reader?.readRecent({ mark: first?.mark ?? '', since: begin }), undefined)
  file.write([partOf(2)], [])
  assert.deepEqual(
    numbersOf(reader?.readRecent({ mark: first?.mark ?? '', since: begin })?.traces ?? []),
    [2, 1],
  )
})
