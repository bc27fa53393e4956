import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

/**
 * Goal: whatever was answered is there after kill -9, once, in every service. Method: the whole system in one process; clients
 * of each service write through the gateway, one after the other each, and remember what they were answered; SIGKILL at a
 * random moment; restart on the same data; then each client compares. A write without an answer may have happened or not.
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
    const answered = (await writing).reduce((sum, count) => sum + count, 0)
    t.diagnostic(`killed after ${Math.round(killAfterMs)} ms and ${answered} answers`)
    assert.ok(answered > 0)

    const { gateway } = await startSystem(t, DATA_DIR)
    await Promise.all(clients.map(({ check }) => check(gateway)))
  })

const clientsPerKind = 4

/** `write` makes one more change, and resolves to whether it was answered. */
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
  for (let answers = 0; ; answers++) if (!(await write(gateway))) return answers
}

/** What a resource was answered to be, and what an unanswered write may have made of it. */
type Remembered = { url: string; answered: string; attempted: string }

function assertRemembered({ url, answered, attempted }: Remembered, found: unknown): void {
  assert.ok(found === answered || found === attempted, `${url}: ${found}, not ${answered} or ${attempted}`)
}

/** Registers a GUID, changes it a few times, and begins with another. */
function guidClient(): Client {
  const guids: Remembered[] = []
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
        guids.push({ url: `/guid/${Object(created.body).guid}`, answered: user, attempted: user })
        return true
      }
      guid.attempted = user
      const changed = await call('PATCH', gateway + guid.url, { user })
      if (changed === undefined) return false
      assert.equal(changed.status, 200)
      guid.answered = user
      return true
    },
    async check(gateway) {
      for (const guid of guids)
        assertRemembered(guid, Object((await call('GET', gateway + guid.url))?.body).user)
    },
  }
}

/** Adds a movie, changes it a few times, and begins with another; the titles tell the movies of one client apart. */
function movieClient(client: number): Client {
  const movies: Remembered[] = []
  let writes = 0
  return {
    begin: async () => {},
    async write(gateway) {
      const title = `client ${client}, ${writes}`
      const movie = writes % 4 === 0 ? undefined : movies.at(-1)
      writes += 1
      const answer =
        movie === undefined
          ? await call('POST', `${gateway}/api/movies`, { title, description: `of client ${client}` })
          : await call('PUT', gateway + Object.assign(movie, { attempted: title }).url, { title })
      if (answer === undefined) return false
      assert.ok(answer.status === 201 || answer.status === 200)
      if (movie !== undefined) movie.answered = title
      else movies.push({ url: `/api/movies/${Object(answer.body).id}`, answered: title, attempted: title })
      return true
    },
    async check(gateway) {
      for (const movie of movies)
        assertRemembered(movie, Object((await call('GET', gateway + movie.url))?.body).title)
      const mine = (
        await call('GET', `${gateway}/api/movies?limit=1000&title=${encodeURIComponent(`client ${client},`)}`)
      )?.body
      assert.ok(Array.isArray(mine))
      assert.ok(mine.length === movies.length || mine.length === movies.length + 1)
    },
  }
}

/** A moment at which the market is open. */
const noonSeconds = Date.UTC(2023, 10, 14, 18) / 1000

/** Buys one share more each time, each order under its own id, so that it can be sent again. */
function orderClient(): Client {
  const cash = 1_000_000
  let url = ''
  let answered = 0
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
      const answer = await call('POST', `${gateway}${url}/orders`, order(answered))
      if (answer === undefined) return false
      assert.equal(answer.status, 200)
      assert.deepEqual(Object(answer.body).business_errors, [])
      answered += 1
      return true
    },
    async check(gateway) {
      const account = Object((await call('GET', gateway + url))?.body)
      assert.ok([cash - spentBy(answered), cash - spentBy(answered + 1)].includes(account.cash))
      const again = await call('POST', `${gateway}${url}/orders`, order(answered))
      assert.equal(Object(Object(again?.body).current_balance).cash, cash - spentBy(answered + 1))
      const ledger = (await call('GET', `${gateway}${url}/ledger?limit=1000`))?.body
      assert.ok(Array.isArray(ledger))
      assert.equal(ledger.length, Math.min(1_000, answered + 2))
    },
  }
}

/** Posts orders of a user of its own, each with another amount. */
function billingClient(client: number): Client {
  const user = String(1_000 + client)
  let answered = 0
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
      const body = { user_id: user, number_of_items: '1', total_amount: String(answered + 1) }
      const answer = await call('POST', `${gateway}/api/billing`, body)
      if (answer === undefined) return false
      assert.equal(answer.status, 200)
      answered += 1
      return true
    },
    async check(gateway) {
      const expected = Array.from({ length: answered }, (_, i) => String(i + 1))
      let amounts = await amountsOf(gateway)
      // The count alone would not do: the order without an answer may arrive before those that the killed consumer had leased.
      const isComplete = () => expected.every((amount) => amounts.includes(amount))
      for (let tries = 0; !isComplete() && tries < 500; tries++) {
        await pause(20)
        amounts = await amountsOf(gateway)
      }
      assert.deepEqual([...new Set(amounts)].length, amounts.length, 'no order is there twice')
      const possible = [...expected, String(answered + 1)]
      assert.deepEqual(
        expected.filter((amount) => !amounts.includes(amount)),
        [],
        'no answered order is missing',
      )
      assert.deepEqual(
        amounts.filter((amount) => !possible.includes(amount)),
        [],
      )
    },
  }
}

/** Adds certificates to a user of its own, and activates every second one. */
function certificateClient(client: number): Client {
  const certificates: Remembered[] = []
  let url = ''
  let toActivate: Remembered | undefined
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
        toActivate.answered = 'true'
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
        answered: 'false',
        attempted: 'false',
      }
      certificates.push(certificate)
      if (certificates.length % 2 === 0) toActivate = certificate
      return true
    },
    async check(gateway) {
      for (const certificate of certificates)
        assertRemembered(
          certificate,
          String(Object((await call('GET', gateway + certificate.url))?.body).active),
        )
    },
  }
}

const kinds = [guidClient, movieClient, orderClient, billingClient, certificateClient]
