import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { call, dataFolder, run } from '../system/processes.ts'

const clientsMax = 6
const services = ['guid', 'brokerage', 'certificates', 'inventory', 'billing']
/** A time at which the market is open. */
const noonSeconds = Date.UTC(2023, 10, 14, 18) / 1000

/**
 * Goal: a backup of a running system shows one instant of all services. Method: each client writes to one service after the other,
 * each write after the response to the one before; a backup is made meanwhile; SIGKILL; restore elsewhere; start. What is there once
 * all outboxes and queues are empty must be the beginning of the writes of each client: all that were acknowledged before the backup
 * began, none that began after it had ended, none without those before it, and each once.
 */
for (const processes of [1, 2])
  test(`A backup under a mixed load restores one instant of all services, with each effect once (processes ${processes})`, async (t) => {
    const folder = dataFolder(t)
    const receiver = await startReceiver(t)
    const settings = {
      CERTIFICATES_NOTIFY_URL: receiver.url,
      CERTIFICATES_NOTIFY_SECRET: 'a secret of the receiver',
      LOG_LEVEL: 'silent',
    }
    const running = { ...settings, DATA_DIR: join(folder, 'data') }
    const system = run(t, ['quintet.ts', 'start'], running)
    const gateway = await system.address('gateway')
    const others = Array.from({ length: processes - 1 }, () =>
      run(t, ['quintet.ts', 'start', ...services], running),
    )
    for (const other of others) for (const service of services) await other.address(service)
    const clients: Client[] = []
    for (let i = 0; i < clientsMax; i++) clients.push(await createClient(gateway, i))
    const writing = clients.map((client) => writeUntilGone(client, gateway))
    while (clients.some(({ acknowledged }) => acknowledged < 12)) await pause(5)

    const before = clients.map(({ acknowledged }) => acknowledged)
    const backup = run(t, ['quintet.ts', 'backup', join(folder, 'backup')], running)
    await once(backup.child, 'close')
    assert.equal(backup.child.exitCode, 0, backup.output())
    const after = clients.map(({ attempted }) => attempted)
    while (clients.some(({ acknowledged }, i) => acknowledged <= (after[i] ?? 0))) await pause(5)
    for (const one of [system, ...others]) await one.kill('SIGKILL')
    await Promise.all(writing)

    const restored = { ...settings, DATA_DIR: join(folder, 'restored') }
    const restore = run(t, ['quintet.ts', 'restore', join(folder, 'backup')], restored)
    await once(restore.child, 'close')
    assert.equal(restore.child.exitCode, 0, restore.output())
    receiver.state.isUp = true
    const again = await run(t, ['quintet.ts', 'start'], restored).address('gateway')
    for (const [i, client] of clients.entries()) {
      const [from = 0, to = 0] = [before[i], after[i]]
      const found = await settled(() => effectsOf(client, again, receiver.deliveries))
      const count = found.reduce((sum, { length }) => sum + length, 0)
      t.diagnostic(`${from} writes of client ${i + 1} acknowledged before the backup began`)
      t.diagnostic(`${count} of them and of those meanwhile that were restored`)
      t.diagnostic(`${to} begun before the backup had ended`)
      assert.ok(count >= from && count <= to, `${count} is between ${from} and ${to}`)
      assert.deepEqual(found, effectsExpected(count), 'exactly the first writes took effect, each once')
    }
  })

type Client = {
  readonly index: number
  readonly account: number
  readonly user: number
  /** How many of its writes, which are numbered from 0, were begun, and how many had a response. */
  attempted: number
  acknowledged: number
}

async function createClient(gateway: string, index: number): Promise<Client> {
  const create = async (path: string, body: object): Promise<number> =>
    Object((await call('POST', gateway + path, body))?.body).id
  const account = await create('/accounts', { cash: 1_000_000 })
  const user = await create('/users', { name: 'Ada', email: `ada-${index}@example.com`, password: 'x' })
  await create(`/users/${user}/certificates`, { private_key: 'YQ==', active: false, body: 'a certificate' })
  return { index, account, user, attempted: 0, acknowledged: 0 }
}

async function writeUntilGone(client: Client, gateway: string): Promise<void> {
  for (let n = 0; ; n++) {
    client.attempted = n + 1
    const response = await kinds[n % kinds.length]?.write(client, gateway, n)
    if (response === undefined) return
    assert.ok(response.status < 300, `${response.status} ${JSON.stringify(response.body)}`)
    client.acknowledged = n + 1
  }
}

type Kind = {
  write(client: Client, gateway: string, n: number): ReturnType<typeof call>
  /** The numbers of the writes that took effect, in order. */
  effects(client: Client, gateway: string, deliveries: Deliveries): Promise<number[]>
}

const userOf = ({ index }: Client, n: number) => `client-${index}-${n}`

const kinds: readonly Kind[] = [
  {
    write: ({ index }, gateway, n) =>
      call('POST', `${gateway}/api/movies`, { title: `client ${index}, ${n}`, description: '' }),
    async effects({ index }, gateway) {
      const title = encodeURIComponent(`client ${index},`)
      const movies = await list(`${gateway}/api/movies?limit=1000&title=${title}`)
      return movies.map((movie) => Number(String(movie.title).split(', ')[1])).sort(byNumber)
    },
  },
  {
    write: ({ index }, gateway, n) =>
      call('POST', `${gateway}/api/billing`, {
        user_id: String(1_000 + index),
        number_of_items: '1',
        total_amount: String(n + 1),
      }),
    async effects({ index }, gateway) {
      const orders = await list(`${gateway}/api/orders?limit=1000&user_id=${1_000 + index}`)
      return orders.map((order) => Number(order.total_amount) - 1).sort(byNumber)
    },
  },
  {
    // Accepted with 202, and made through the outbox and the queue.
    write: (client, gateway, n) =>
      call('POST', `${gateway}/guid`, { user: userOf(client, n) }, { prefer: 'respond-async' }),
    effects: guidsOf(2),
  },
  {
    write: ({ account }, gateway, n) =>
      call('POST', `${gateway}/accounts/${account}/orders`, {
        timestamp: noonSeconds + n,
        operation: 'BUY',
        issuer_name: `ISSUER${n % 500}`,
        total_shares: 1,
        share_price: n + 1,
        client_order_id: String(n),
      }),
    async effects({ account }, gateway) {
      const orders = await list(`${gateway}/accounts/${account}/orders?limit=1000`)
      return orders.map((order) => Number(order.client_order_id)).sort(byNumber)
    },
  },
  {
    write: ({ user, index }, gateway, n) =>
      call('PATCH', `${gateway}/users/${user}/certificates/${index + 1}`, {
        active: n % (2 * 6) < 6,
        notify: true,
      }),
    // They have no number of their own; each is of the next write, and they have other values in turn.
    async effects({ index }, _gateway, deliveries) {
      const own = [...deliveries.values()].filter(({ id }) => id === index + 1)
      return own.map((_, i) => 4 + 6 * i)
    },
  },
  {
    write: (client, gateway, n) => call('POST', `${gateway}/guid`, { user: userOf(client, n) }),
    effects: guidsOf(5),
  },
]

/** The writes of a kind that registered a GUID, each for a user of its own. */
function guidsOf(kind: number): Kind['effects'] {
  return async ({ index }, gateway) => {
    const users: string[] = []
    for (let next = '/guids?limit=1000'; next !== ''; ) {
      const page = await call('GET', gateway + next)
      assert.ok(Array.isArray(page?.body))
      users.push(...page.body.map(({ user }: { user: string }) => user))
      next = (/<([^>]+)>; *rel="?next/.exec(page.headers.get('link') ?? '')?.[1] ?? '').replace(gateway, '')
    }
    const own = users.filter((user) => user.startsWith(`client-${index}-`))
    return own
      .map((user) => Number(user.split('-')[2]))
      .filter((n) => n % kinds.length === kind)
      .sort(byNumber)
  }
}

async function effectsOf(client: Client, gateway: string, deliveries: Deliveries): Promise<number[][]> {
  return Promise.all(kinds.map(({ effects }) => effects(client, gateway, deliveries)))
}

/** The effects of the first writes, by kind. */
function effectsExpected(count: number): number[][] {
  const all = Array.from({ length: count }, (_, n) => n)
  return kinds.map((_, kind) => all.filter((n) => n % kinds.length === kind))
}

/** Reads until the effects have been the same for a second, and are the first writes; or for at most 30 s. */
async function settled(read: () => Promise<number[][]>): Promise<number[][]> {
  let found = await read()
  for (let same = 0, tries = 0; same < 5 && tries < 150; tries++) {
    await pause(200)
    const next = await read()
    const isWhole = `${effectsExpected(next.flat().length)}` === `${next}`
    same = isWhole && `${next}` === `${found}` ? same + 1 : 0
    found = next
  }
  return found
}

type Deliveries = ReadonlyMap<string, { readonly id: number; readonly active: boolean }>

/** A receiver of notifications, which refuses all until `state.isUp` is set. */
async function startReceiver(t: TestContext) {
  const state = { isUp: false }
  const deliveries = new Map<string, { id: number; active: boolean }>()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (state.isUp) deliveries.set(String(request.headers['x-delivery-id']), JSON.parse(body))
    response.writeHead(state.isUp ? 204 : 503).end()
  })
  return { state, deliveries, url: `http://127.0.0.1:${await listenOn(t, server)}/` }
}

async function list(url: string): Promise<Record<string, unknown>[]> {
  const page = await call('GET', url)
  assert.ok(Array.isArray(page?.body), JSON.stringify(page?.body))
  return page.body
}

const byNumber = (one: number, other: number) => one - other
