import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { checkPrecondition, openStorage, pageText, readId, readPage } from '@quintet/chassis/resource'
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

test('The cursor of a full page leads to the rows after it, and a page that is not full has none', () => {
  const rows = [{ id: 3 }, { id: 7 }]
  const textOf = (limit: number) => pageText(rows, limit, JSON.stringify, ({ id }) => [id]).split('\n')
  const [cursor = '', body] = textOf(2)
  assert.equal(body, '[{"id":3},{"id":7}]')
  assert.deepEqual(readPage({ cursor, limit: 2 }), { after: 7, limit: 2 })
  assert.deepEqual(textOf(3), ['', body])
  assert.deepEqual(readPage({}, { start: -1 }), { after: -1, limit: 100 })
})

test('A page of large rows ends early, and its cursor leads to the next row', () => {
  const rows = Array.from({ length: 100 }, (_, at) => ({ id: at + 1, text: 'x'.repeat(60_000) }))
  const ids: number[] = []
  for (let after = 0, pages = 1; after < 100; pages += 1) {
    const rest = rows.slice(after, after + 30)
    const [cursor = '', body = ''] = pageText(rest, 30, JSON.stringify, ({ id }) => [id]).split('\n')
    assert.ok(body.length < 1_200_000)
    ids.push(...JSON.parse(body).map(({ id }: { id: number }) => id))
    assert.equal(cursor === '', rest.length < 30 && ids.length === 100)
    after = cursor === '' ? 100 : readPage({ cursor }).after
    assert.ok(pages < 10)
  }
  assert.deepEqual(
    ids,
    rows.map(({ id }) => id),
  )
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
    metrics: createMetrics('sample'),
  }
  const { database } = await openStorage(opened, { ...options, cacheUrl: 'memory:' })
  await database.ping()
  await opened.disposeAsync()
  await assert.rejects(async () => database.ping())
  const failed = new AsyncDisposableStack()
  await assert.rejects(openStorage(failed, { ...options, cacheUrl: 'nothing:' }))
  // This process could not end if the database were still open.
  await failed.disposeAsync()
})
