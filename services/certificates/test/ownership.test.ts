import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { comparable, createPrincipals, operationsOf } from '@quintet/chassis/testing/principals'
import type { Sender, Sent } from '@quintet/chassis/testing/principals'
import { sql } from 'kysely'
import { migrations } from '../src/database.ts'
import { makeCertificate } from './make-certificate.ts'
import { ada, createWorld, opaque, startMs } from './world.ts'

const dayMs = 86_400_000

type Call = { readonly reads: boolean; request(user: string, certificate: string): Sent }

const namesNothing = 'names no user and no certificate'

/** Each operation, with a request for a certificate of a user. Those that delete come last. */
const operations: Readonly<Record<string, Call | typeof namesNothing>> = {
  addUser: namesNothing,
  verifyPassword: namesNothing,
  listCertificates: namesNothing,
  getUser: { reads: true, request: (user) => ({ path: user }) },
  listCertificatesOfUser: { reads: true, request: (user) => ({ path: `${user}/certificates` }) },
  getCertificate: { reads: true, request: (_, certificate) => ({ path: certificate }) },
  listNotifications: { reads: true, request: (_, certificate) => ({ path: `${certificate}/notifications` }) },
  changeUser: {
    reads: false,
    request: (user) => ({ method: 'PATCH', path: user, body: { name: 'Eve' } }),
  },
  addCertificate: {
    reads: false,
    request: (user) => ({ method: 'POST', path: `${user}/certificates`, body: opaque }),
  },
  changeCertificate: {
    reads: false,
    request: (_, certificate) => ({
      method: 'PATCH',
      path: certificate,
      body: { active: false, notify: true, body: opaque.body },
    }),
  },
  setCertificateActive: {
    reads: false,
    request: (_, certificate) => ({ method: 'PATCH', path: `${certificate}/active`, body: { active: true } }),
  },
  deleteCertificate: { reads: false, request: (_, certificate) => ({ method: 'DELETE', path: certificate }) },
  deleteUser: { reads: false, request: (user) => ({ method: 'DELETE', path: user }) },
}
const calls = Object.entries(operations).filter((entry): entry is [string, Call] => entry[1] !== namesNothing)

/** Further bodies: some change what is there, and the faults of others are found before the user is, or after. */
const bodies: Readonly<Record<string, readonly unknown[]>> = {
  changeUser: [
    {},
    { email: 'taken@example.com' },
    { email: `${'ΐ'.repeat(240)}@example.com` },
    { name: 1 },
    { id: 7, name: 'Eve' },
  ],
  addCertificate: [{}, { ...opaque, private_key: '?' }, { ...opaque, active: 'yes' }, mismatched()],
  changeCertificate: [{}, { active: false, notify: true }, { active: false, x509: {} }],
  setCertificateActive: [{ active: false }],
}

const conditions: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'if-match': '*' },
  { 'if-match': '"1"' },
  { 'if-match': 'no tag' },
  { 'if-none-match': '*' },
  { 'if-none-match': '"1"' },
]

/** A certificate with the key of another one. */
function mismatched() {
  const period = { notBefore: startMs, notAfter: startMs + dayMs }
  const [one, other] = [makeCertificate(period), makeCertificate(period)]
  return { private_key: keyText(other), active: true, body: one.pem }
}

function keyText({ privateKey }: ReturnType<typeof makeCertificate>): string {
  return Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })).toString('base64')
}

function x509(days: number) {
  const certificate = makeCertificate({ notBefore: startMs, notAfter: startMs + days * dayMs })
  return { private_key: keyText(certificate), active: true, body: certificate.pem }
}

async function createOwners(t: TestContext, AUTH: 'required' | 'optional' = 'required') {
  const principals = createPrincipals(t, ['certificates:read', 'certificates:write'], AUTH)
  const world = await createWorld(t, principals.settings)
  const send = await principals.listen(world.app)

  /** Adds a user with a certificate, as this sender; a user of nobody gets one from who may change everything. */
  async function add(sender: Sender, certificate: object = opaque, name: string = sender) {
    const post = async (as: Sender, path: string, body: object) =>
      String((await send(as, { method: 'POST', path, body })).headers.get('location'))
    const user = await post(sender, '/users', { ...ada, email: `${name}@example.com` })
    const by = sender === 'nobody' ? 'writer' : sender
    return { user, certificate: await post(by, `${user}/certificates`, certificate) }
  }
  return { ...world, send, add }
}

const missing = { user: '/users/999', certificate: '/users/999/certificates/999' }

test('Every operation is in the table of those that are tried for what others own', async (t) => {
  const { app } = await createWorld(t)
  assert.deepEqual(await operationsOf(app, 'certificates'), Object.keys(operations).sort())
})

test('What another owns is by every operation as what is missing, before its owner has read it and after that', async (t) => {
  const { add, send } = await createOwners(t)
  await add('ada', opaque, 'taken')
  const own = await add('ada')
  const state = async () => [
    comparable(await send('ada', { path: own.user })),
    comparable(await send('ada', { path: own.certificate })),
  ]
  let before: Awaited<ReturnType<typeof state>> | undefined
  for (const round of ['cold', 'warm']) {
    for (const [operationId, { request }] of calls) {
      const variants: Partial<Sent>[] = [
        ...conditions.map((headers) => ({ headers })),
        { headers: { 'idempotency-key': round } },
        ...(bodies[operationId] ?? []).flatMap((body) => [{ body }, { body, headers: { 'if-match': '*' } }]),
      ]
      for (const variant of variants) {
        const title = `${round}: ${operationId} ${JSON.stringify(variant)}`
        const found = await send('bob', { ...request(own.user, own.certificate), ...variant })
        const absent = await send('bob', { ...request(missing.user, missing.certificate), ...variant })
        assert.deepEqual(comparable(found), comparable(absent), title)
        if (Object.keys(variant.headers ?? {}).length === 0 && variant.body === undefined)
          assert.equal(found.status, 404, title)
      }
    }
    const after = await state()
    assert.deepEqual(after, before ?? after)
    assert.deepEqual(
      after.map(({ status }) => status),
      [200, 200],
    )
    before = after
  }
})

test('A certificate of another owner is not found under an own user', async (t) => {
  const { add, send } = await createOwners(t)
  const own = await add('ada')
  const { user } = await add('bob')
  const path = `${user}/certificates/${own.certificate.split('/').at(-1)}`
  assert.equal((await send('bob', { path })).status, 404)
  assert.equal((await send('bob', { method: 'DELETE', path })).status, 404)
})

/** Whether the sender is served by operations that read, and by those that change. */
const served: readonly [owner: 'ada' | 'nobody', sender: Sender, reads: boolean, changes: boolean][] = [
  ['ada', 'ada', true, true],
  ['ada', 'reader', true, false],
  ['ada', 'writer', false, true],
  ['nobody', 'ada', false, false],
  ['nobody', 'reader', true, false],
  ['nobody', 'writer', false, true],
]

test('Owners are served by every operation, those with all:read by those that read, and those with all:write by those that change', async (t) => {
  const { add, send } = await createOwners(t, 'optional')
  for (const [i, [owner, sender, reads, changes]] of served.entries()) {
    const { user, certificate } = await add(owner, opaque, `${owner}.${i}`)
    for (const [operationId, { reads: isRead, request }] of calls) {
      const { status, text } = await send(sender, request(user, certificate))
      const expected = (isRead ? reads : changes) ? [200, 201, 202, 204] : [404]
      assert.ok(expected.includes(status), `${operationId} of ${owner} by ${sender}: ${status} ${text}`)
      assert.doesNotMatch(text, /key:|owner/)
    }
  }
})

test('The list of all certificates has those of one’s own users, on every page, and after a cursor of another client', async (t) => {
  const { add, send } = await createOwners(t, 'optional')
  for (const [i, owner] of (['ada', 'bob', 'nobody', 'ada', 'bob', 'nobody', 'ada'] as const).entries())
    await add(owner, x509(i + 10), `${owner}.${i}`)
  async function list(sender: Sender, path: string): Promise<{ ids: number[]; cursors: string[] }> {
    const ids: number[] = []
    const cursors: string[] = []
    for (let next: string | undefined = path; next !== undefined; ) {
      const { text, headers } = await send(sender, { path: next })
      const rows: { id: number }[] = JSON.parse(text)
      ids.push(...rows.map(({ id }) => id))
      next = /^<([^>]*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]
      if (next !== undefined) cursors.push(next)
    }
    return { ids, cursors }
  }
  const own = { ada: [1, 4, 7], bob: [2, 5], reader: [1, 2, 3, 4, 5, 6, 7], writer: [] }
  for (const sender of ['ada', 'bob', 'reader', 'writer'] as const)
    for (const path of ['/certificates', '/certificates?limit=1', '/certificates?limit=2'])
      assert.deepEqual((await list(sender, path)).ids, own[sender], `${sender} ${path}`)
  const [after = ''] = (await list('reader', '/certificates?limit=3')).cursors
  assert.deepEqual((await list('ada', after)).ids, [4, 7])
  assert.deepEqual((await list('ada', '/certificates?expiring_before=2030-01-12')).ids, [1])
})

test('An email is one user’s, whoever owns the user, and an Idempotency-Key one owner’s', async (t) => {
  const { add, send } = await createOwners(t)
  const headers = { 'idempotency-key': 'k' }
  const request = { method: 'POST', path: '/users', body: ada, headers }
  const first = await send('ada', request)
  assert.equal(first.status, 201)
  const others = await send('bob', request)
  assert.equal(others.status, 409)
  assert.equal(others.headers.get('idempotency-replayed'), null)
  const again = await send('ada', request)
  assert.deepEqual([again.text, again.headers.get('idempotency-replayed')], [first.text, 'true'])
  const { user } = await add('ada', opaque, 'other')
  const adding = { method: 'POST', path: `${user}/certificates`, body: opaque, headers }
  assert.equal((await send('ada', adding)).status, 201)
  assert.equal((await send('bob', adding)).status, 404)
})

test('A login is by email and password, whoever owns the user, and its id opens nothing', async (t) => {
  const { send } = await createOwners(t)
  const { text } = await send('ada', { method: 'POST', path: '/users', body: ada })
  const { email, password } = ada
  const login = { method: 'POST', path: '/users/login' }
  const found = await send('bob', { ...login, body: { email, password } })
  assert.deepEqual([found.status, found.text], [200, text])
  assert.equal((await send('bob', { path: `/users/${JSON.parse(text).id}` })).status, 404)
  assert.equal((await send('bob', { ...login, body: { email, password: 'wrong' } })).status, 401)
})

test('Where a token is optional, what was added without one is for those with all:read and all:write alone', async (t) => {
  const { add, send } = await createOwners(t, 'optional')
  const { user, certificate } = await add('nobody', x509(10))
  for (const path of [user, certificate, `${user}/certificates`, `${certificate}/notifications`])
    for (const [sender, status] of [
      ['nobody', 404],
      ['ada', 404],
      ['writer', 404],
      ['reader', 200],
    ] as const)
      assert.equal((await send(sender, { path })).status, status, `${sender} ${path}`)
  for (const [sender, count] of [
    ['nobody', 0],
    ['ada', 0],
    ['reader', 1],
  ] as const)
    assert.equal(JSON.parse((await send(sender, { path: '/certificates' })).text).length, count)
})

test('A page of one owner’s certificates reads an index, and none of those of others', async (t) => {
  const database = await openDatabase('sqlite::memory:', { migrations })
  t.after(() => database.close())
  const { rows } = await sql<{ detail: string }>`
    explain query plan select id from certificate
    where not_after < 9 and (not_after, id) > (0, 0) and owner = 'ada' order by not_after, id limit 10
  `.execute(database.query)
  assert.deepEqual(
    rows.map(({ detail }) => detail),
    ['SEARCH certificate USING COVERING INDEX certificate_owner (owner=? AND not_after>? AND not_after<?)'],
  )
})
