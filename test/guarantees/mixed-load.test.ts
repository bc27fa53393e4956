import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

/**
 * Goal: each acknowledged write is there once after kill -9, in every service. Method: the whole system in one process; clients
 * of each service write through the gateway, sequentially, and record the responses; SIGKILL at a random moment; restart on the
 * same data; then each client compares. A write without a response may have taken effect or not.
 */
for (const round of [1, 2, 3])
  test(`kill -9 under a mixed load on all services neither loses nor doubles anything acknowledged (round ${round})`, async (t) => {
    const DATA_DIR = dataFolder(t)
    const first = await startSystem(t, DATA_DIR)
    const clients = kinds.flatMap((create) => Array.from({ length: clientsPerKind }, (_, i) => create(i)))
    await Promise.all(clients.map(({ begin }) => begin(first.gateway)))
    const writing = Promise.all(clients.map((client) => writeUntilGone(client, first.gateway)))
    const killAfterMs = 300 + Math.random() * 1_200
    await pause(killAfterMs)
    await first.quintet.kill('SIGKILL')
    const acknowledged = (await writing).reduce((sum, count) => sum + count, 0)
    t.diagnostic(`killed after ${Math.round(killAfterMs)} ms and ${acknowledged} responses`)
    assert.ok(acknowledged > 0)

    const { gateway } = await startSystem(t, DATA_DIR)
    await Promise.all(clients.map(({ check }) => check(gateway)))
  })

const clientsPerKind = 4

/** `write` makes one more change, and resolves to whether there was a response. */
type Client = {
  begin(gateway: string): Promise<void>
  write(gateway: string): Promise<boolean>
  check(gateway: string): Promise<void>
}

async function startSystem(t: TestContext, DATA_DIR: string) {
  const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR, LOG_LEVEL: 'silent' })
  return { quintet, gateway: await quintet.address('gateway') }
}

async function writeUntilGone({ write }: Client, gateway: string): Promise<number> {
  for (let responses = 0; ; responses++) if (!(await write(gateway))) return responses
}

/** The last acknowledged value of a resource, and the value of the last attempted write. */
type Recorded = { url: string; acknowledged: string; attempted: string }

function assertRecorded({ url, acknowledged, attempted }: Recorded, found: unknown): void {
  assert.ok(
    found === acknowledged || found === attempted,
    `${url}: ${found}, not ${acknowledged} or ${attempted}`,
  )
}

/** Registers a GUID, changes it three times, and continues with another. */
function guidClient(): Client {
  const guids: Recorded[] = []
  let writes = 0
  return {
    begin: async () => {},
    async write(gateway) {
      const user = `user-${writes}`
      const guid = writes % 4 === 0 ? undefined : guids.at(-1)
      writes += 1
      if (guid === undefined) {
        const created = await call('POST', `${gateway}/guid`, { user })
        if (created === undefined) return false
        assert.equal(created.status, 201)
        guids.push({ url: `/guid/${Object(created.body).guid}`, acknowledged: user, attempted: user })
        return true
      }
      guid.attempted = user
      const changed = await call('PATCH', gateway + guid.url, { user })
      if (changed === undefined) return false
      assert.equal(changed.status, 200)
      guid.acknowledged = user
      return true
    },
    async check(gateway) {
      for (const guid of guids)
        assertRecorded(guid, Object((await call('GET', gateway + guid.url))?.body).user)
    },
  }
}

/** Adds a movie, changes it three times, and continues with another; titles are unique to a client and a write. */
function movieClient(client: number): Client {
  const movies: Recorded[] = []
  let writes = 0
  return {
    begin: async () => {},
    async write(gateway) {
      const title = `client ${client}, ${writes}`
      const movie = writes % 4 === 0 ? undefined : movies.at(-1)
      writes += 1
      const response =
        movie === undefined
          ? await call('POST', `${gateway}/api/movies`, { title, description: `of client ${client}` })
          : await call('PUT', gateway + Object.assign(movie, { attempted: title }).url, { title })
      if (response === undefined) return false
      assert.ok(response.status === 201 || response.status === 200)
      if (movie !== undefined) movie.acknowledged = title
      else
        movies.push({ url: `/api/movies/${Object(response.body).id}`, acknowledged: title, attempted: title })
      return true
    },
    async check(gateway) {
      for (const movie of movies)
        assertRecorded(movie, Object((await call('GET', gateway + movie.url))?.body).title)
      const mine = (
        await call('GET', `${gateway}/api/movies?limit=1000&title=${encodeURIComponent(`client ${client},`)}`)
      )?.body
      assert.ok(Array.isArray(mine))
      assert.ok(mine.length === movies.length || mine.length === movies.length + 1)
    },
  }
}

/** A time at which the market is open. */
const noonSeconds = Date.UTC(2023, 10, 14, 18) / 1000

/** Buys one share more each time; each order has its own id, so that it can be sent again. */
function orderClient(): Client {
  const cash = 1_000_000
  let url = ''
  let acknowledged = 0
  const order = (n: number) => ({
    timestamp: noonSeconds + n,
    operation: 'BUY',
    issuer_name: `ISSUER${n % 500}`,
    total_shares: n + 1,
    share_price: 1,
    client_order_id: `order-${n}`,
  })
  const spentBy = (count: number) => (count * (count + 1)) / 2
  return {
    async begin(gateway) {
      url = `/accounts/${Object((await call('POST', `${gateway}/accounts`, { cash }))?.body).id}`
    },
    async write(gateway) {
      const response = await call('POST', `${gateway}${url}/orders`, order(acknowledged))
      if (response === undefined) return false
      assert.equal(response.status, 200)
      assert.deepEqual(Object(response.body).business_errors, [])
      acknowledged += 1
      return true
    },
    async check(gateway) {
      const account = Object((await call('GET', gateway + url))?.body)
      assert.ok([cash - spentBy(acknowledged), cash - spentBy(acknowledged + 1)].includes(account.cash))
      const again = await call('POST', `${gateway}${url}/orders`, order(acknowledged))
      assert.equal(Object(Object(again?.body).current_balance).cash, cash - spentBy(acknowledged + 1))
      const ledger = (await call('GET', `${gateway}${url}/ledger?limit=1000`))?.body
      assert.ok(Array.isArray(ledger))
      assert.equal(ledger.length, Math.min(1_000, acknowledged + 2))
    },
  }
}

/** Posts orders of its own user, each with a different amount. */
function billingClient(client: number): Client {
  const user = String(1_000 + client)
  let acknowledged = 0
  const amountsOf = async (gateway: string): Promise<string[]> => {
    const amounts: string[] = []
    for (let url = `/api/orders?limit=1000&user_id=${user}`; url !== ''; ) {
      const page = await call('GET', gateway + url)
      assert.ok(Array.isArray(page?.body))
      amounts.push(...page.body.map(({ total_amount }: { total_amount: string }) => String(total_amount)))
      url = (/^<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? '').replace(/^\/orders/, '/api/orders')
    }
    return amounts
  }
  return {
    begin: async () => {},
    async write(gateway) {
      const body = { user_id: user, number_of_items: '1', total_amount: String(acknowledged + 1) }
      const response = await call('POST', `${gateway}/api/billing`, body)
      if (response === undefined) return false
      assert.equal(response.status, 200)
      acknowledged += 1
      return true
    },
    async check(gateway) {
      const expected = Array.from({ length: acknowledged }, (_, i) => String(i + 1))
      let amounts = await amountsOf(gateway)
      // Their number is not enough: the order without a response may arrive before those that the killed consumer had leased.
      const isComplete = () => expected.every((amount) => amounts.includes(amount))
      for (let tries = 0; !isComplete() && tries < 500; tries++) {
        await pause(20)
        amounts = await amountsOf(gateway)
      }
      assert.deepEqual([...new Set(amounts)].length, amounts.length, 'no order is stored twice')
      const possible = [...expected, String(acknowledged + 1)]
      assert.deepEqual(
        expected.filter((amount) => !amounts.includes(amount)),
        [],
        'no acknowledged order is missing',
      )
      assert.deepEqual(
        amounts.filter((amount) => !possible.includes(amount)),
        [],
      )
    },
  }
}

/** Adds certificates to its own user, and activates every second one. */
function certificateClient(client: number): Client {
  const certificates: Recorded[] = []
  let url = ''
  let toActivate: Recorded | undefined
  return {
    async begin(gateway) {
      const user = { name: 'Ada', email: `ada-${client}@example.com`, password: 'correct horse battery' }
      url = `/users/${Object((await call('POST', `${gateway}/users`, user))?.body).id}`
    },
    async write(gateway) {
      if (toActivate !== undefined) {
        toActivate.attempted = 'true'
        const changed = await call('PATCH', `${gateway}${toActivate.url}`, { active: true })
        if (changed === undefined) return false
        assert.equal(changed.status, 202)
        toActivate.acknowledged = 'true'
        toActivate = undefined
        return true
      }
      const body = {
        private_key: Buffer.from('a key').toString('base64'),
        active: false,
        body: 'a certificate',
      }
      const created = await call('POST', `${gateway}${url}/certificates`, body)
      if (created === undefined) return false
      assert.equal(created.status, 201)
      const certificate = {
        url: `${url}/certificates/${Object(created.body).id}`,
        acknowledged: 'false',
        attempted: 'false',
      }
      certificates.push(certificate)
      if (certificates.length % 2 === 0) toActivate = certificate
      return true
    },
    async check(gateway) {
      for (const certificate of certificates)
        assertRecorded(
          certificate,
          String(Object((await call('GET', gateway + certificate.url))?.body).active),
        )
    },
  }
}

const kinds = [guidClient, movieClient, orderClient, billingClient, certificateClient]
