import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import {
  checkPrecondition,
  openStorage,
  pageText,
  readId,
  readPage,
  rowList,
  searchList,
  sharedTurns,
} from '@quintet/chassis/resource'
import type { Page } from '@quintet/chassis/resource'
import { rowText } from '@quintet/chassis/resource/rows'
import { createMetrics } from '@quintet/chassis/telemetry'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createFileUrl } from './testing.ts'

test('An id is a safe integer in its one notation, without sign and leading zeros', () => {
  for (const [text, id] of [
    ['1', 1],
    ['10', 10],
    ['0', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ] as const)
    assert.equal(readId(text), id)
  for (const text of [
    '',
    '-1',
    '+1',
    '00',
    '01',
    '1.0',
    '1e1',
    '0x1',
    '1n',
    ' 1',
    '1\n',
    '١',
    '9007199254740992',
    '9'.repeat(300),
  ])
    assert.equal(readId(text), undefined, text)
})

type Sized = { id: number; text: string; bytes?: number }

/** Makes pages of rows in the order of their ids, and logs what is read for them and when a step ends. */
function createPages(rows: readonly Sized[], { isWeighed = true } = {}) {
  const log: ('step' | { rows: number; bytes: number })[] = []
  const turns = { ...sharedTurns, next: async () => void log.push('step') }

  function read({ after, limit, bytesMax = 0 }: Page): Sized[] {
    const found: Sized[] = []
    let bytes = 0
    for (const row of rows.filter(({ id }) => id > after).slice(0, limit)) {
      if (isWeighed && bytes >= bytesMax) break
      found.push(isWeighed ? { ...row, bytes: row.text.length } : row)
      bytes += row.text.length
    }
    log.push({ rows: found.length, bytes })
    return found
  }

  async function makePage(query: { limit?: number; cursor?: string }) {
    const list = rowList(readPage(query), { read, textOf: rowJson, numberOf: ({ id }) => id })
    const [cursor = '', body = ''] = (await pageText(list, turns)).split('\n')
    const ids: number[] = JSON.parse(body).map(({ id }: Sized) => id)
    return { cursor, body, ids }
  }

  return { makePage, log }
}

const rowJson = ({ id, text }: Sized) => JSON.stringify({ id, text })
const sized = (count: number, length: number): Sized[] =>
  Array.from({ length: count }, (_, at) => ({ id: at + 1, text: 'x'.repeat(length) }))

test('The cursor of a full page leads to the rows after it, and a page that is not full has none', async () => {
  const { makePage } = createPages([3, 7].map((id) => ({ id, text: '' })))
  const { cursor, body } = await makePage({ limit: 2 })
  assert.equal(body, '[{"id":3,"text":""},{"id":7,"text":""}]')
  assert.deepEqual(readPage({ cursor, limit: 2 }), { after: 7, limit: 2 })
  assert.deepEqual(await makePage({ limit: 3 }), { cursor: '', body, ids: [3, 7] })
  assert.deepEqual(readPage({}, { start: -1 }), { after: -1, limit: 100 })
})

test('A page of small rows is read at once', async () => {
  for (const isWeighed of [true, false]) {
    const { makePage, log } = createPages(sized(150, 300), { isWeighed })
    assert.equal((await makePage({})).ids.length, 100)
    assert.deepEqual(log, [{ rows: 100, bytes: 30_000 }])
  }
})

test('A page of large rows ends early, and its cursor leads to the next row', async () => {
  for (const isWeighed of [true, false])
    for (const limit of [30, 1_000]) {
      const rows = sized(100, 60_000)
      const { makePage } = createPages(rows, { isWeighed })
      const ids: number[] = []
      let pages = 0
      for (let cursor: string | undefined; cursor !== ''; pages += 1) {
        const page = await makePage({ limit, ...(cursor !== undefined && { cursor }) })
        assert.ok(page.body.length < 524_288 + 60_100, String(page.body.length))
        ids.push(...page.ids)
        cursor = page.cursor
      }
      assert.equal(pages, 12)
      assert.deepEqual(
        ids,
        rows.map(({ id }) => id),
      )
    }
})

test('Of large rows no more are read for a page than it has, but those of its last step, and the event loop has a turn after each step', async () => {
  for (const [length, perStep] of [
    [40_000, 2],
    [10_000, 7],
    [200_000, 1],
  ] as const) {
    const { makePage, log } = createPages(sized(1_000, length))
    const { ids } = await makePage({ limit: 1_000 })
    const reads = log.filter((one) => one !== 'step')
    assert.ok(reads.every(({ rows }) => rows <= perStep))
    assert.ok(reads.reduce((sum, { rows }) => sum + rows, 0) < ids.length + perStep)
    assert.ok(log.every((one, at) => one === 'step' || at === 0 || log[at - 1] === 'step'))
  }
})

test('Rows that are large as JSON only, for which the engine counts few bytes, are encoded in steps', async () => {
  const rows = Array.from({ length: 100 }, (_, at) => ({ id: at + 1, text: '\u0001'.repeat(5_000) }))
  const { makePage, log } = createPages(rows, { isWeighed: false })
  assert.ok((await makePage({})).body.length < 524_288 + 31_000)
  assert.ok(log.filter((one) => one === 'step').length >= 5)
})

test('A precondition admits the current version if it is named, and any version without If-Match', async () => {
  const notFound = () => new AppError('not_found', 'There is no row 1.')
  const at = (version?: number) => ({
    noun: 'row',
    notFound,
    find: () => (version === undefined ? undefined : { version }),
  })
  assert.equal(await checkPrecondition(undefined, at()), undefined)
  assert.equal(await checkPrecondition([1, 2], at(2)), 2)
  await assert.rejects(checkPrecondition([1], at(2)), { code: 'precondition_failed' })
  await assert.rejects(checkPrecondition([], at(2)), { code: 'precondition_failed' })
  await assert.rejects(checkPrecondition([1], at()), { code: 'not_found' })
})

test('The text of a row is its JSON with the id first, which may be a placeholder', () => {
  const members = { title: '"', version: undefined }
  assert.deepEqual(JSON.parse(rowText(7, members)), { id: 7, title: '"' })
  assert.equal(rowText('\0', members), '{"id":\0,"title":"\\""}')
})

test('A start that fails closes what it had opened', async (t) => {
  const databaseUrl = createFileUrl(t)
  const opened = new AsyncDisposableStack()
  const options = {
    name: 'sample',
    databaseUrl,
    migrations: new URL('migrations/', import.meta.url),
    clock: createManualClock(0),
    metrics: createMetrics(),
  }
  const { database } = await openStorage(opened, { ...options, cacheUrl: 'memory:' })
  await database.ping()
  await opened.disposeAsync()
  await assert.rejects(async () => database.ping())
  const failed = new AsyncDisposableStack()
  await assert.rejects(openStorage(failed, { ...options, metrics: createMetrics(), cacheUrl: 'nothing:' }))
  // This process could not end if the database were still open.
  await failed.disposeAsync()
})

/** Searches the even ones of 1,000 numbers in steps of ten, and logs where each step begins. */
function createSearch() {
  const log: number[] = []
  const search = async ({ after, limit }: Page) => {
    log.push(after)
    const end = after + 10
    const rows = [2, 4, 6, 8, 10].map((one) => ({ id: after + one, text: '' })).slice(0, limit)
    return { rows, reached: rows.length === limit ? rows.at(-1)?.id : end < 1_000 ? end : undefined }
  }
  const parts = { search, textOf: rowJson, numberOf: ({ id }: Sized) => id }
  async function makePage(query: { limit: number; cursor?: string }, isLate = () => false) {
    const text = await pageText(searchList(readPage(query), parts), { ...sharedTurns, isLate })
    const [cursor = '', body = ''] = text.split('\n')
    return { cursor, ids: JSON.parse(body).map(({ id }: Sized) => id) }
  }
  return { makePage, log }
}

test('A page of a search has what its steps find, and its cursor leads to the rest', async () => {
  const { makePage, log } = createSearch()
  const first = await makePage({ limit: 7 })
  assert.deepEqual(first.ids, [2, 4, 6, 8, 10, 12, 14])
  const second = await makePage({ limit: 1_000, cursor: first.cursor })
  assert.deepEqual([second.ids.length, second.ids[0], second.cursor], [495, 16, ''])
  assert.deepEqual(log.slice(0, 4), [0, 10, 14, 24])
})

test('A search that takes too long ends its page where it is, though it is not full, and its cursor leads on', async () => {
  const { makePage, log } = createSearch()
  const first = await makePage({ limit: 100 }, () => log.length === 3)
  assert.deepEqual([first.ids.length, first.ids.at(-1)], [15, 30])
  const second = await makePage({ limit: 5, cursor: first.cursor })
  assert.deepEqual(second.ids, [32, 34, 36, 38, 40])
})
