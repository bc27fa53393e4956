import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { until } from '@quintet/chassis/testing'
import { comparable, createPrincipals, operationsOf } from '@quintet/chassis/testing/principals'
import type { Sender, Sent } from '@quintet/chassis/testing/principals'
import { sql } from 'kysely'
import { newGuid } from '../src/guid.ts'
import { createSharedDatabase, createWorld, startSeconds } from './world.ts'

type Call = { readonly reads: boolean; request(guid: string): Sent }

const isAll = 'lists, and has a test of its own'

/** Each operation, with a request for one GUID. */
const operations: Readonly<Record<string, Call | typeof isAll>> = {
  registerGeneratedGuid: isAll,
  registerGuid: isAll,
  getGuid: { reads: true, request: (guid) => ({ path: `/guid/${guid}` }) },
  changeGuid: {
    reads: false,
    request: (guid) => ({ method: 'PATCH', path: `/guid/${guid}`, body: { user: 'eve' } }),
  },
  deleteGuid: { reads: false, request: (guid) => ({ method: 'DELETE', path: `/guid/${guid}` }) },
  listGuids: isAll,
  listGuidEvents: isAll,
  getOperation: isAll,
}
const calls = Object.entries(operations).filter((entry): entry is [string, Call] => entry[1] !== isAll)

const later = { prefer: 'respond-async' }

/** A service with these senders. */
async function start(
  t: TestContext,
  settings: Record<string, string> = {},
  AUTH: 'required' | 'optional' = 'optional',
) {
  const principals = createPrincipals(t, ['guid:read', 'guid:write'], AUTH)
  const world = await createWorld(t, { ...principals.settings, ...settings })
  const send = await principals.listen(world.app)
  const bodyOf = async (sender: Sender, request: Sent) => JSON.parse((await send(sender, request)).text)

  return {
    ...world,
    send,
    bodyOf,
    async register(sender: Sender, guid: string, expire = startSeconds + 600) {
      const request = { method: 'POST', path: `/guid/${guid}`, body: { user: 'u', expire } }
      const { status, headers } = await send(sender, request)
      assert.equal(status, 201)
      return { guid, etag: headers.get('etag') ?? '' }
    },
    /** What an operation has come to, by who has requested it. */
    async outcome(sender: Sender, path: string) {
      await until(async () => (await bodyOf(sender, { path })).status !== 'pending')
      return bodyOf(sender, { path })
    },
  }
}

type World = Awaited<ReturnType<typeof start>>

/** The GUIDs of all pages of a list. */
async function listed(world: World, sender: Sender, path: string) {
  const found: string[] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, headers, text } = await world.send(sender, { path: next })
    assert.equal(status, 200, text)
    found.push(...JSON.parse(text).map(({ guid }: { guid: string }) => guid))
    next = /<([^>]*)>/.exec(headers.get('link') ?? '')?.[1]
  }
  return found
}

/** The GUIDs in the stream of a client that is nobody, until one that is registered meanwhile. */
async function streamed({ app, register }: World) {
  const address = app.server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const { body } = await fetch(`${url}/guid-events`, { headers: { accept: 'text/event-stream' } })
  const last = await register('nobody', newGuid('4'))
  let text = ''
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    const at = text.indexOf(last.guid)
    // The line may arrive in parts.
    if (at >= 0 && text.includes('\n', at)) break
  }
  const guids = Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = '']) => String(JSON.parse(data).guid))
  return guids.filter((guid) => guid !== last.guid)
}

test('The table has every operation', async (t) => {
  const { app } = await start(t)
  assert.deepEqual(await operationsOf(app, 'guid'), Object.keys(operations).sort())
})

for (const [cache, CACHE_URL] of [
  ['warm', 'memory:'],
  ['absent', 'none:'],
] as const)
  test(`What another owns is to every request as what does not exist (cache ${cache})`, async (t) => {
    const { register, send } = await start(t, { CACHE_URL })
    const own = await register('ada', newGuid('4'))
    const missing = newGuid('4')
    let compared = 0
    const conditions = [
      {},
      { 'if-match': '*' },
      { 'if-match': own.etag },
      { 'if-match': '"1"' },
      { 'if-none-match': '*' },
      { 'if-none-match': own.etag },
      { accept: 'text/html' },
    ]
    for (const [id, { reads, request }] of calls)
      for (const sender of ['bob', 'nobody', reads ? 'writer' : 'reader'] as const)
        for (const headers of conditions)
          for (const method of reads ? ['GET', 'HEAD'] : [undefined])
            for (const suffix of ['', '?']) {
              const found: unknown[] = []
              for (const guid of [own.guid, missing]) {
                const sent = request(guid)
                const response = await send(sender, {
                  ...sent,
                  ...(method !== undefined && { method }),
                  path: sent.path + suffix,
                  headers,
                })
                assert.ok([404, 406].includes(response.status), `${id} by ${sender}: ${response.status}`)
                const { text, ...rest } = comparable(response)
                found.push({ ...rest, text: text.replaceAll(guid, 'GUID') })
              }
              assert.deepEqual(found[0], found[1], `${id} by ${sender} with ${JSON.stringify(headers)}`)
              compared += 1
            }
    t.diagnostic(`${compared} responses about what another owns are those about what does not exist`)
    const kept = await send('ada', { path: `/guid/${own.guid}` })
    assert.deepEqual([kept.status, kept.headers.get('etag')], [200, own.etag])
  })

test('The owner reads and changes what it has registered, and others do by a scope alone', async (t) => {
  const { register, send } = await start(t)
  for (const [sender, reads, changes] of [
    ['ada', true, true],
    ['bob', false, false],
    ['reader', true, false],
    ['writer', false, true],
    ['nobody', false, false],
  ] as const) {
    const { guid } = await register('ada', newGuid('4'))
    for (const [id, call] of calls) {
      const { status } = await send(sender, call.request(guid))
      const isAllowed = call.reads ? reads : changes
      assert.equal(status, isAllowed ? (id === 'deleteGuid' ? 204 : 200) : 404, `${id} by ${sender}`)
    }
  }
})

test('What nobody owns is for everybody to read, and to change for those alone who may change everything', async (t) => {
  const { register, send } = await start(t)
  const { guid } = await register('nobody', newGuid('4'))
  for (const sender of ['ada', 'reader', 'nobody', 'writer'] as const)
    for (const [id, { reads, request }] of calls) {
      const { status } = await send(sender, request(guid))
      if (reads) assert.equal(status, 200, `${id} by ${sender}`)
      else assert.equal(status === 404, sender !== 'writer', `${id} by ${sender}`)
    }
})

test('A live GUID of another owner cannot be registered, and conditions find nothing out about it', async (t) => {
  const { register, send } = await start(t)
  const { guid, etag } = await register('ada', newGuid('4'))
  const post = async (headers: Record<string, string>) =>
    (await send('bob', { method: 'POST', path: `/guid/${guid}`, body: { user: 'u' }, headers })).status
  assert.equal(await post({}), 409)
  assert.equal(await post({ 'if-none-match': '*' }), 409)
  assert.equal(await post({ 'if-match': etag }), 412)
  assert.equal(await post({ 'if-match': '"1"' }), 412)
  await send('ada', { method: 'DELETE', path: `/guid/${guid}` })
  assert.equal(await post({}), 201)
  assert.equal((await send('ada', { path: `/guid/${guid}` })).status, 404)
  assert.equal((await send('ada', { method: 'DELETE', path: `/guid/${guid}` })).status, 404)
  assert.equal((await send('bob', { path: `/guid/${guid}` })).status, 200)
})

test('A list has what its client may read, also behind the cursor of another client', async (t) => {
  const world = await start(t)
  const { register, send } = world
  const made: { guid: string; owner: Sender }[] = []
  for (const [i, owner] of (
    ['ada', 'bob', 'nobody', 'bob', 'ada', 'ada', 'nobody', 'bob'] as const
  ).entries())
    made.push({ owner, ...(await register(owner, newGuid('4'), startSeconds + 600 + Math.floor(i / 2))) })
  const ofOwners = (...owners: Sender[]) =>
    made
      .filter(({ owner }) => owners.includes(owner))
      .map(({ guid }) => guid)
      .sort()
  const sorted = async (sender: Sender, path: string) => (await listed(world, sender, path)).sort()
  for (const limit of [1, 2, 3, 100])
    for (const filter of ['', '&user=u', `&expiring_before=${startSeconds + 1_000}`]) {
      const path = `/guids?limit=${limit}${filter}`
      assert.deepEqual(await sorted('ada', path), ofOwners('ada', 'nobody'), path)
      assert.deepEqual(await sorted('bob', path), ofOwners('bob', 'nobody'), path)
      assert.deepEqual(await sorted('nobody', path), ofOwners('nobody'), path)
      assert.deepEqual(await sorted('writer', path), ofOwners('nobody'), path)
      assert.deepEqual(await sorted('reader', path), ofOwners('ada', 'bob', 'nobody'), path)
    }
  const expiries = (await world.bodyOf('ada', { path: '/guids' })).map(
    (row: { expire: string }) => row.expire,
  )
  assert.deepEqual(expiries, [...expiries].sort())
  const first = await send('ada', { path: '/guids?limit=1' })
  const next = /<([^>]*)>/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  for (const guid of await listed(world, 'bob', next))
    assert.ok(ofOwners('bob', 'nobody').includes(guid), guid)
})

test('A list of one user finds the GUIDs of its client among many of others', async (t) => {
  const world = await start(t)
  const others = Array.from({ length: 110 }, () => newGuid('4'))
  for (let i = 0; i < others.length; i += 10)
    await Promise.all(others.slice(i, i + 10).map((guid) => world.register('bob', guid)))
  const own = [await world.register('ada', newGuid('4'), startSeconds + 599)]
  own.push(await world.register('ada', newGuid('4'), startSeconds + 601))
  const found = await listed(world, 'ada', '/guids?user=u&limit=1')
  assert.deepEqual(
    found,
    own.map(({ guid }) => guid),
  )
})

test('Two clients with the same Idempotency-Key never get the same response', async (t) => {
  const { bodyOf, send } = await start(t)
  for (const headers of [{}, later]) {
    const request = {
      method: 'POST',
      path: '/guid',
      body: { user: 'u' },
      headers: { ...headers, 'idempotency-key': `k${Object.keys(headers).length}` },
    }
    const senders = ['ada', 'bob', 'nobody'] as const
    const bodies: string[] = []
    for (const sender of senders) bodies.push(JSON.stringify(await bodyOf(sender, request)))
    assert.equal(new Set(bodies).size, 3)
    for (const [i, sender] of senders.entries()) {
      const again = await send(sender, request)
      assert.equal(again.headers.get('idempotency-replayed'), 'true')
      assert.equal(JSON.stringify(JSON.parse(again.text)), bodies[i])
    }
  }
})

test('What is made later has the owner of its request, and a change made later needs the same as one at once', async (t) => {
  const { register, send, outcome } = await start(t)
  const made = newGuid('4')
  const accept = async (sender: Sender, request: Sent) => {
    const { status, headers } = await send(sender, { ...request, headers: { ...later, ...request.headers } })
    assert.equal(status, 202)
    return headers.get('location') ?? ''
  }
  const create = await accept('ada', { method: 'POST', path: `/guid/${made}`, body: { user: 'u' } })
  assert.equal((await outcome('ada', create)).status, 'succeeded')
  assert.equal((await send('ada', { path: `/guid/${made}` })).status, 200)
  for (const sender of ['bob', 'nobody', 'writer'] as const) {
    assert.equal((await send(sender, { path: `/guid/${made}` })).status, 404)
    const missing = await send(sender, { path: `/operations/${newGuid('4')}` })
    assert.deepEqual(comparable(await send(sender, { path: create })), comparable(missing))
    const conditional = { path: create, headers: { 'if-none-match': '"succeeded"' } }
    assert.equal((await send(sender, conditional)).status, 404)
  }
  assert.equal((await send('reader', { path: create })).status, 200)
  const { guid, etag } = await register('ada', newGuid('4'))
  const change = (path: string, headers = {}) => ({ method: 'PATCH', path, body: { user: 'eve' }, headers })
  for (const sender of ['bob', 'nobody', 'reader'] as const)
    for (const headers of [{}, { 'if-match': etag }]) {
      const refused = await outcome(sender, await accept(sender, change(`/guid/${guid}`, headers)))
      const absent = await outcome(sender, await accept(sender, change(`/guid/${newGuid('4')}`, headers)))
      const { instance: _, ...problem } = refused.problem
      const { instance: __, ...expected } = absent.problem
      assert.deepEqual([refused.status, problem], ['failed', expected])
      assert.equal(problem.status, 404)
    }
  assert.equal((await send('ada', { path: `/guid/${guid}` })).headers.get('etag'), etag)
  for (const sender of ['ada', 'writer'] as const)
    assert.equal((await outcome(sender, await accept(sender, change(`/guid/${guid}`)))).status, 'succeeded')
})

test('The events of what another owns are not in the pages and the streams of a client', async (t) => {
  const world = await start(t)
  const { register, send, bodyOf } = world
  const own: Partial<Record<Sender, string>> = {}
  for (const sender of ['ada', 'bob', 'nobody'] as const) {
    const { guid } = await register(sender, newGuid('4'))
    own[sender] = guid
  }
  await send('ada', { method: 'PATCH', path: `/guid/${own.ada}`, body: { user: 'eve' } })
  await send('ada', { method: 'DELETE', path: `/guid/${own.ada}` })
  const seen = async (sender: Sender, path = '/guid-events') =>
    (await bodyOf(sender, { path })).map(({ guid }: { guid: string }) => guid)
  await until(async () => (await seen('reader')).length === 5)
  const expected: readonly (readonly [Sender, readonly (string | undefined)[]])[] = [
    ['ada', [own.ada, own.nobody, own.ada, own.ada]],
    ['bob', [own.bob, own.nobody]],
    ['nobody', [own.nobody]],
    ['writer', [own.nobody]],
    ['reader', [own.ada, own.bob, own.nobody, own.ada, own.ada]],
  ]
  for (const [sender, guids] of expected) {
    const found = await seen(sender)
    assert.deepEqual(found.sort(), [...guids].sort(), sender)
    const byOne: string[] = []
    for (let next: string | undefined = '/guid-events?limit=1'; next !== undefined; ) {
      const { headers, text } = await send(sender, { path: next })
      byOne.push(...JSON.parse(text).map(({ guid }: { guid: string }) => guid))
      next = /<([^>]*)>/.exec(headers.get('link') ?? '')?.[1]
    }
    assert.deepEqual(byOne.sort(), [...guids].sort(), sender)
  }
  assert.deepEqual(await streamed(world), [own.nobody])
})

test('Without authentication owners do not count, and are kept', async (t) => {
  const GUID_DATABASE_URL = await createSharedDatabase(t)
  const guarded = await start(t, { GUID_DATABASE_URL })
  const open = await start(t, { GUID_DATABASE_URL, AUTH: 'none', API_KEYS_FILE: '' })
  const { guid } = await guarded.register('ada', newGuid('4'))
  for (const sender of ['bob', 'nobody'] as const)
    for (const [id, { request }] of calls) {
      if (id === 'deleteGuid') continue
      assert.equal((await open.send(sender, request(guid))).status, 200, id)
    }
  assert.ok((await listed(open, 'nobody', '/guids')).includes(guid))
  assert.equal((await guarded.send('ada', { path: `/guid/${guid}` })).status, 200)
  assert.equal((await guarded.send('bob', { path: `/guid/${guid}` })).status, 404)
})

test('A page of the GUIDs of one owner, or of nobody, reads an index, and none of those of others', async (t) => {
  const migrations = new URL('../migrations/', import.meta.url)
  const database = await openDatabase('sqlite::memory:', { migrations })
  t.after(() => database.close())
  for (const condition of ["owner = 'key:ada'", 'owner is null']) {
    const { rows } = await sql<{ detail: string }>`
      explain query plan select * from guid
      where ${sql.raw(condition)} and (expire, id) > (1, 1) and expire + 0 > 0 order by expire, id limit 10
    `.execute(database.query)
    assert.deepEqual(
      rows.map(({ detail }) => detail),
      ['SEARCH guid USING INDEX guid_owner (owner=? AND expire>?)'],
    )
  }
})
