import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { loadConfig, commonSettings } from '@quintet/chassis/config'
import { AppError } from '@quintet/chassis/errors'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { listen } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { verifyAudit } from '../src/audit/verify.ts'
import { createSampleApp } from './sample-app.ts'
import { settingsOf } from './settings-contract.ts'

type Line = Readonly<Record<string, unknown>> & {
  readonly kind: string
  readonly time?: string
  readonly number?: number
  readonly prev?: string
}

/** A service of movies with an audit log. */
async function world(t: TestContext, settings: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const logs = join(folder, 'logs')
  const values = { AUDIT_LOG: join(logs, 'audit.log'), AUDIT_REQUIRED: 'on', ...settings }
  const guard = loadConfig(Type.Object(commonSettings), settingsOf(values))
  const app = await createSampleApp(t, { name: 'movies', scopes: 'movies', guard })
  const file = join(logs, 'audit.movies.log')
  const read = (): Line[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line))
      : []
  let created = 0
  /** What the log had when a handler ran. */
  const seen: Line[][] = []
  const querystring = Type.Object({ password: Type.Optional(Type.String()) })
  app.get('/movies', async () => [])
  app.post(
    '/movies',
    { schema: { body: Type.Object({ title: Type.String() }), querystring } },
    async (request, reply) => {
      seen.push(read())
      if (request.body.title === 'taken') throw new AppError('conflict', 'There is such a movie.')
      created += 1
      reply.code(201).header('location', `/movies/${created}`).header('etag', '"1"')
      return { id: created }
    },
  )
  // As the routes do that send a recorded response.
  app.put('/movies/:id', { schema: { querystring } }, async (_request, reply) => {
    reply.header('etag', '"2"').send({ changed: true })
  })
  app.delete('/movies/:id', { schema: { querystring } }, async (_request, reply) => {
    created += 1
    reply.code(204)
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { app, folder, logs, file, read, seen, send, created: () => created }
}

const kindsOf = (lines: readonly Line[]) => lines.map(({ kind }) => kind)

test('A write has a line before its effect, and one after it with its status, its id and its version', async (t) => {
  const { read, seen, send, file } = await world(t)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { 'x-request-id': 'request-7', traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
  await send('POST', '/movies?password=mail', { title: 'Metropolis' }, headers)
  assert.deepEqual(kindsOf(seen[0] ?? []), ['start', 'intent'])
  const [, intent, outcome] = read()
  const about = {
    ...{ audit: 'movies', exchange: 1, request: 'request-7', trace: traceId, principal: null },
    ...{ address: '127.0.0.1', method: 'POST', route: '/movies', path: '/movies', decision: 'admitted' },
  }
  const { time, number, prev, ...others } = { ...intent }
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(number, 2)
  assert.match(String(prev), /^[\da-f]{64}$/)
  assert.deepEqual(others, { kind: 'intent', ...about })
  const effect = { id: '/movies/1', version: '1' }
  const { time: later, number: next, prev: before } = { ...outcome }
  assert.deepEqual(outcome, {
    ...{ kind: 'outcome', ...about, status: 201, effect },
    ...{ time: later, number: next, prev: before },
  })

  await send('DELETE', '/movies/1')
  assert.deepEqual(read().at(-1)?.effect, { id: '/movies/1', version: null })
  const changed = await send('PUT', '/movies/1')
  assert.deepEqual(await changed.json(), { changed: true })
  assert.deepEqual(read().at(-1)?.effect, { id: '/movies/1', version: '2' })
  assert.deepEqual((await verifyAudit([file])).fault, undefined)
})

test('What a handler refuses has its status and no effect; what has no handler, or changes nothing, has no line', async (t) => {
  const { read, send } = await world(t)
  assert.equal((await send('POST', '/movies', { title: 'taken' })).status, 409)
  const outcome = read().at(-1)
  assert.deepEqual([outcome?.kind, outcome?.status, outcome?.effect], ['outcome', 409, undefined])
  const before = read().length
  for (const [method, path, body] of [
    ['GET', '/movies', undefined],
    ['OPTIONS', '/movies', undefined],
    ['POST', '/movies', { title: 7 }],
    ['POST', '/nothing', {}],
    ['PUT', '/movies', {}],
  ] as const)
    await send(method, path, body)
  assert.equal(read().length, before)
})

test('Where the file cannot be written, a write is 503 and changes nothing, and reads go on; later the chain does', async (t) => {
  const { read, send, created, logs, folder, file } = await world(t)
  assert.equal((await send('POST', '/movies', { title: 'Metropolis' })).status, 201)
  renameSync(logs, join(folder, 'elsewhere'))
  writeFileSync(logs, 'A file in the place of the folder.')
  await pause(300)
  for (const method of ['POST', 'DELETE']) {
    const response = await send(method, method === 'POST' ? '/movies' : '/movies/1', { title: 'M' })
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('retry-after'), '1')
  }
  assert.equal(created(), 1)
  assert.equal((await send('GET', '/movies')).status, 200)
  rmSync(logs)
  renameSync(join(folder, 'elsewhere'), logs)
  assert.equal((await send('POST', '/movies', { title: 'Nosferatu' })).status, 201)
  const { fault, lines } = await verifyAudit([file])
  assert.deepEqual([fault, lines], [undefined, read().length])
  assert.deepEqual(kindsOf(read()), ['start', 'intent', 'outcome', 'intent', 'outcome'])
})

test('A refusal by the guard has a line with its status and the policy, and nothing of it is an intent', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { key, entry } = createApiKey({ id: 'ci', scopes: ['movies:read'] })
  const API_KEYS_FILE = join(folder, 'keys')
  writeFileSync(API_KEYS_FILE, JSON.stringify(entry))
  const { read, send, app } = await world(t, {
    ...{ AUTH: 'required', API_KEYS_FILE, RATE_LIMIT: 'on', RATE_LIMIT_AT: 'everywhere' },
    RATE_LIMIT_POLICIES: '"few";q=2;w=3600;by="principal"',
  })
  await send('POST', '/movies', { title: 'M' })
  await send('POST', '/movies', { title: 'M' }, { 'x-api-key': `${key}0` })
  await send('POST', '/movies', { title: 'M' }, { 'x-api-key': key })
  await send('GET', '/movies', undefined, { 'x-api-key': key })
  await send('GET', '/movies?token=secret-of-a-query', undefined, { 'x-api-key': key })
  await app.close()
  const refusals = read().filter(({ kind }) => kind !== 'start')
  assert.deepEqual(
    refusals.map(({ kind, status, policy, principal, method }) => ({
      kind,
      status,
      policy,
      principal,
      method,
    })),
    [
      { kind: 'refusal', status: 401, policy: 'unauthorized', principal: null, method: 'POST' },
      { kind: 'refusal', status: 401, policy: 'unauthorized', principal: null, method: 'POST' },
      { kind: 'refusal', status: 403, policy: 'insufficient_scope', principal: 'key:ci', method: 'POST' },
      { kind: 'refusal', status: 429, policy: 'few', principal: 'key:ci', method: 'GET' },
    ],
  )
})

test('A flood of refused requests adds some lines of a bounded length, and one that counts the others', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const API_KEYS_FILE = join(folder, 'keys')
  writeFileSync(API_KEYS_FILE, JSON.stringify(createApiKey({ id: 'ci', scopes: ['a'] }).entry))
  const { read, send, app, file } = await world(t, { AUTH: 'required', API_KEYS_FILE })
  const path = `/movies/${'x'.repeat(8_000)}`
  await Promise.all(Array.from({ length: 100 }, () => send('GET', path)))
  await app.close()
  const lines = read().filter(({ kind }) => kind !== 'start')
  assert.deepEqual(kindsOf(lines), [...Array<string>(10).fill('refusal'), 'refusals'])
  const { count, groups } = Object(lines.at(-1))
  assert.deepEqual(groups, [{ policy: 'unauthorized', network: '127.0.0.1', count }])
  assert.equal(count, 90)
  for (const line of readFileSync(file, 'utf8').split('\n')) assert.ok(line.length < 700, line)
  assert.equal((await verifyAudit([file])).fault, undefined)
})

test('No line has a body, a query, a token, a key or a password', async (t) => {
  const { file, app, send } = await world(t)
  const secrets = [
    'title-secret',
    'query-secret',
    'token-secret',
    'key-secret',
    'cookie-secret',
    'user-secret',
  ]
  await send(
    'POST',
    '/movies?password=query-secret',
    { title: 'title-secret' },
    {
      authorization: 'Bearer token-secret',
      'x-api-key': 'key-secret',
      cookie: 'session=cookie-secret',
      'idempotency-key': 'key-secret',
    },
  )
  await app.inject({
    method: 'DELETE',
    url: 'http://ada:user-secret@example.com/movies/1?password=query-secret',
  })
  await app.close()
  const text = readFileSync(file, 'utf8')
  assert.equal(text.match(/"kind":"outcome"/g)?.length, 2)
  for (const secret of secrets) assert.ok(!text.includes(secret), secret)
})

test('Without AUDIT_REQUIRED a write waits for no line, and one that cannot be written stops nothing', async (t) => {
  const { send, logs, folder, read, app } = await world(t, { AUDIT_REQUIRED: 'off' })
  assert.equal((await send('POST', '/movies', { title: 'M' })).status, 201)
  renameSync(logs, join(folder, 'elsewhere'))
  writeFileSync(logs, 'A file in the place of the folder.')
  await pause(300)
  assert.equal((await send('POST', '/movies', { title: 'M' })).status, 201)
  assert.match(await app.observed.metrics.text(), /^quintet_audit_waiting_lines 2$/m)
  rmSync(logs)
  renameSync(join(folder, 'elsewhere'), logs)
  await app.close()
  assert.deepEqual(kindsOf(read()), ['start', 'intent', 'outcome', 'intent', 'outcome'])
})

test('AUDIT_REQUIRED without a file ends the start, since nothing would be on a disk', () => {
  for (const AUDIT_LOG of ['off', 'stdout'])
    assert.throws(
      () => loadConfig(Type.Object(commonSettings), settingsOf({ AUDIT_REQUIRED: 'on', AUDIT_LOG })),
      {
        message: `AUDIT_REQUIRED is on, but AUDIT_LOG is ${AUDIT_LOG}, which is on no disk for certain: name a file.`,
      },
    )
})

test('A file of something else ends the start with a sentence', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'audit.movies'), 'text\n')
  const guard = loadConfig(Type.Object(commonSettings), settingsOf({ AUDIT_LOG: join(folder, 'audit') }))
  await assert.rejects(createSampleApp(t, { name: 'movies', guard }), {
    name: 'ConfigError',
    message: `AUDIT_LOG, ${join(folder, 'audit.movies')}, cannot be used: ${join(folder, 'audit.movies')} is not an audit log.`,
  })
})
