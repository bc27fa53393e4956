import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, run } from '../system/processes.ts'

/**
 * The folder `earlier-storage` has the embedded databases of an earlier version, as SQL: rows of every service; orders that
 * were stored, one that waits in the queue, and a dead letter. They stand for the data of users, so they never change.
 */
const earlier = new URL('earlier-storage/', import.meta.url)

/** The key that the private keys in it are encrypted with. */
const CERTIFICATES_KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'

const order = {
  timestamp: 1571325625,
  operation: 'BUY',
  issuer_name: 'AAPL',
  total_shares: 1,
  share_price: '1.50',
}

test('GUIDs that an earlier version stored keep their users and expiries, and those that have expired are gone', async (t) => {
  const { read } = await startOn(t, restore(t), 'guid')
  const guid = { guid: '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A', user: 'ada lovelace', expire: '253402300799' }
  assert.deepEqual(await read(`/guid/${guid.guid}`), guid)
  assert.deepEqual(membersOf(await read('/guids'), 'user'), ['ada lovelace', 'Ελένη', 'async'])
  assert.deepEqual(membersOf(await read('/guids?user=%CE%95%CE%BB%CE%AD%CE%BD%CE%B7'), 'guid'), [
    '0000000000004000800000000000000A',
  ])
})

test('A GUID of an earlier version has a larger version after each change, deletion and registration', async (t) => {
  const { gateway } = await startOn(t, restore(t), 'guid')
  const url = `${gateway}/guid/5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A`
  const send = (method: string, body?: unknown) =>
    fetch(url, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
  const versionOf = (response: Response) => Number(response.headers.get('etag')?.slice(1, -1))
  const versions = [1795941052252000, versionOf(await send('PATCH', { user: 'eve' }))]
  await send('DELETE')
  versions.push(versionOf(await send('POST', { user: 'bob' })))
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  )
})

test('Accounts of an earlier version keep their balances, orders and ledgers', async (t) => {
  const { read } = await startOn(t, restore(t), 'brokerage')
  assert.deepEqual(await read('/accounts/1'), {
    id: 1,
    cash: 929.123456,
    issuers: [{ issuer_name: 'AAPL', total_shares: 1, share_price: 90.123456, average_cost: 80.5 }],
  })
  assert.deepEqual(membersOf(await read('/accounts/1/ledger'), 'amount'), [1000, -161, 90.123456])
  assert.deepEqual(membersOf(await read('/accounts/1/orders'), 'status'), ['accepted', 'refused', 'accepted'])
  assert.deepEqual(await read('/accounts/2'), { id: 2, cash: 0.000001, issuers: [] })
})

test('An order of an earlier version gets its first response again, before and after newer orders', async (t) => {
  const { gateway } = await startOn(t, restore(t), 'brokerage')
  const place = async (change: object) =>
    (await call('POST', `${gateway}/accounts/1/orders`, { ...order, ...change }))?.body
  const old = { operation: 'SELL', share_price: '90.123456', client_order_id: 'mine-1' }
  const position = { issuer_name: 'AAPL', total_shares: 1, share_price: 90.123456, average_cost: 80.5 }
  const first = { current_balance: { cash: 929.123456, issuers: [position] }, business_errors: [] }
  assert.deepEqual(await place(old), first)
  const names = ['mine-2', 'mine-3']
  const orders = names.map((name, n) => ({ issuer_name: `issuer ${n}`, client_order_id: name }))
  const responses = []
  for (const change of orders) responses.push(await place(change))
  assert.deepEqual(await place(old), first)
  for (const [n, change] of orders.entries()) assert.deepEqual(await place(change), responses[n])
})

test('Users of an earlier version log in with their passwords, and their certificates can be read and changed', async (t) => {
  const { gateway, read } = await startOn(t, restore(t), 'certificates')
  for (const [id, email] of [
    [1, 'ADA@example.com'],
    [9, 'Amélie@example.com'],
    [10, 'grace.hopper@example.com'],
  ])
    assert.deepEqual(
      (await call('POST', `${gateway}/users/login`, { email, password: `password ${id}` }))?.body,
      {
        id,
      },
    )
  assert.deepEqual(await read('/users/3'), undefined)
  const path = '/users/1/certificates'
  assert.deepEqual(await read(`${path}/1`), { id: 1, active: false, body: 'test body' })
  assert.deepEqual(membersOf(await read('/certificates'), 'id'), [2])
  const { x509 } = Object(await read(`${path}/2`))
  assert.deepEqual(x509.subject_alternative_names, ['DNS:example.com', 'URI:spiffe://td/ns,a'])
  assert.deepEqual(membersOf(await read(`${path}/1/notifications`), 'event'), ['certificate.active_changed'])
  assert.equal((await call('PATCH', `${gateway}${path}/2`, { active: true }))?.status, 202)
})

test('Of users whose emails match since they are compared as Unicode says, the oldest logs in, and the others work by id', async (t) => {
  const folder = restore(t)
  const { gateway, read, output } = await startOn(t, folder, 'certificates')
  const login = async (email: string, id: number) =>
    (await call('POST', `${gateway}/users/login`, { email, password: `password ${id}` }))?.body
  for (const email of ['ΟΔΥΣΣΕΥΣ@example.com', 'οδυσσευσ@example.com', 'οδυσσευς@example.com'])
    assert.deepEqual(await login(email, 2), { id: 2 })
  for (const email of ['straße@example.com', 'STRASSE@example.com', 'straẞe@Example.com'])
    assert.deepEqual(await login(email, 5), { id: 5 })
  assert.deepEqual(await login('i\u0307@example.com', 7), { id: 7 })
  assert.deepEqual(await login('I@example.com', 8), { id: 8 })
  assert.equal(Reflect.get(Object(await login('STRASSE@example.com', 6)), 'status'), 401)
  const user = { id: 6, name: 'User 6', email: 'STRASSE@example.com' }
  assert.deepEqual(await read('/users/6'), user)
  assert.deepEqual(membersOf(await read('/users/6/certificates'), 'id'), [])
  assert.equal(
    (await call('POST', `${gateway}/users`, { ...user, id: undefined, password: 'x' }))?.status,
    409,
  )
  assert.match(output(), /"users":\[4,6\].*cannot log in/)
  const similar = { name: 'New', email: 'none:1@example.com', password: 'x' }
  assert.equal((await call('POST', `${gateway}/users`, similar))?.status, 201)
  const doctor = run(t, ['quintet.ts', 'doctor', 'certificates'], { DATA_DIR: folder, CERTIFICATES_KEY })
  await once(doctor.child, 'close')
  assert.match(doctor.output(), /weak +Users cannot log in, .*: 4, 6\./)
})

for (const { file, path, service, sent, response } of [
  { file: 'inventory', service: 'inventory', path: '/api/movies', sent: { title: 'Once', description: '' } },
  { file: 'guid', service: 'guid', path: '/guid', sent: { user: 'ada' } },
  {
    file: 'guid',
    service: 'guid',
    path: `/guid/${'A'.repeat(32)}`,
    sent: { user: 'ada', expire: '1999999999' },
  },
  { file: 'brokerage', service: 'brokerage', path: '/accounts', sent: { cash: 12.5 } },
  { file: 'brokerage', service: 'brokerage', path: '/accounts/1/orders', sent: order },
].map((one) => ({ ...one, response: { recorded: one.path } })))
  test(`A POST to ${path} that an earlier version took gets its response again, and 422 with another body`, async (t) => {
    const folder = restore(t)
    recordAsBefore(join(folder, `${file}.db`), path, sent, response)
    const { gateway } = await startOn(t, folder, service)
    const again = async (body: object) =>
      call('POST', `${gateway}${path}`, body, { 'idempotency-key': 'a key' })
    const replayed = await again(sent)
    assert.deepEqual([replayed?.status, replayed?.body], [201, response])
    assert.equal(replayed?.headers.get('idempotency-replayed'), 'true')
    const other = {
      ...sent,
      ...('cash' in sent ? { cash: 1 } : 'user' in sent ? { user: 'eve' } : { title: 'x' }),
    }
    if (!path.includes('orders')) assert.equal((await again(other))?.status, 422)
  })

test('Movies of an earlier version are found by their ids and their titles', async (t) => {
  const { read } = await startOn(t, restore(t), 'inventory')
  assert.equal(membersOf(await read('/api/movies'), 'id').length, 13)
  assert.deepEqual(await read('/api/movies/4'), { id: 4, title: 'Straße', description: 'Changed.' })
  assert.deepEqual(membersOf(await read('/api/movies?title=100%25%20_PLAIN_!'), 'id'), [12])
  for (const [title, ids] of [
    ['ΟΔΥΣ', [1, 2, 3]],
    ['strasse', [4, 5]],
    ['ame\u0301lie', [8, 9, 10]],
    ['\u2126 OHM', [11]],
  ])
    assert.deepEqual(
      membersOf(await read(`/api/movies?title=${encodeURIComponent(String(title))}`), 'id'),
      ids,
    )
})

test('Orders of an earlier version are read, its waiting message becomes an order, and its dead letter stays', async (t) => {
  const folder = restore(t)
  const { read } = await startOn(t, folder, 'billing')
  await until(async () => membersOf(await read('/api/orders'), 'id').length === 3)
  assert.deepEqual(membersOf(await read('/api/orders'), 'total_amount'), ['180', '55.25', '9.99'])
  const shown = run(t, ['quintet.ts', 'queue', 'show', 'billing_queue.dead'], { DATA_DIR: folder })
  await once(shown.child, 'close')
  assert.match(shown.output(), /poison-1/)
})

/** A data folder with the earlier storage. */
function restore(t: TestContext): string {
  const folder = dataFolder(t)
  for (const file of globSync('*.sql', { cwd: earlier })) {
    const database = new DatabaseSync(join(folder, `${basename(file, '.sql')}.db`))
    database.exec(readFileSync(new URL(file, earlier), 'utf8'))
    database.close()
  }
  return folder
}

/** Records a response as the earlier version did: under the hash of the method, the path and the key. */
function recordAsBefore(file: string, path: string, sent: object, response: object): void {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const database = new DatabaseSync(file)
  database
    .prepare(
      'insert into idempotency (id, fingerprint, status, headers, body, created_at) values (?, ?, ?, ?, ?, ?)',
    )
    .run(
      hash(`POST ${path} a key`),
      hash(JSON.stringify(sent)),
      201,
      '{"content-type":"application/json; charset=utf-8"}',
      JSON.stringify(response),
      Date.now(),
    )
  database.close()
}

/** Starts a service on a data folder, and the gateway; `read` gets the body of a resource if there is one. */
async function startOn(t: TestContext, DATA_DIR: string, service: string) {
  const words = ['quintet.ts', 'start', 'gateway', service]
  const { address, output } = run(t, words, { DATA_DIR, CERTIFICATES_KEY })
  const gateway = await address('gateway')

  async function read(path: string): Promise<unknown> {
    const response = await call('GET', `${gateway}${path}`)
    return response?.status === 200 ? response.body : undefined
  }

  return { gateway, read, output }
}

/** One member of each row. */
function membersOf(rows: unknown, member: string): unknown[] {
  assert.ok(Array.isArray(rows))
  return rows.map((row) => row[member])
}
