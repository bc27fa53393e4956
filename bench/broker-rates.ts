import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openQueue } from '@quintet/chassis/queue'
import { billingQueue } from '@quintet/contracts'
import { connect } from 'amqplib'
import pg from 'pg'
import { workingTree } from './checkout.ts'
import { engine, freshPostgres, migrate } from './engines.ts'
import { waitForIdle } from './wait-for-idle.ts'
import { billing } from './rows.ts'
import { startServer } from './servers.ts'
import type { ServerProcess } from './servers.ts'

/** Orders per second from a publisher through RabbitMQ into PostgreSQL, and from a full queue into PostgreSQL. */
export type BrokerRates = { endToEnd: number; peerEndToEnd: number; drained: number; peerDrained: number }

/** `publish` resolves when the broker has confirmed; `consumer` stores the orders. */
type Side = {
  databaseUrl: string
  consumer: ServerProcess
  publish(): Promise<unknown>
  close(): Promise<void>
}

const ordersCount = 20_000
const inFlightMax = 32
const pollMs = 10
const storedWithinMs = 120_000
const body = JSON.stringify({ user_id: '3', number_of_items: '5', total_amount: '180' })

export async function brokerRates(directory: string): Promise<BrokerRates> {
  const quintet = await measureSide(await openQuintet(), directory)
  const peer = await measureSide(await openPeer(), directory)
  return { ...quintet, peerEndToEnd: peer.endToEnd, peerDrained: peer.drained }
}

async function measureSide(side: Side, directory: string): Promise<{ endToEnd: number; drained: number }> {
  const database = new pg.Client(side.databaseUrl)
  await database.connect()
  try {
    const server = await startServer([side.consumer], { directory })
    await waitForIdle()
    const startedAt = performance.now()
    await publishAll(side.publish)
    await untilStored(database, ordersCount)
    const endToEnd = rateSince(startedAt)
    await server.close()
    await publishAll(side.publish)
    await waitForIdle()
    const restarted = await startServer([side.consumer], { directory })
    // Counts from the first order stored, so that the start of the process is not included.
    await untilStored(database, ordersCount + 1)
    const drainStartedAt = performance.now()
    await untilStored(database, 2 * ordersCount)
    const drained = rateSince(drainStartedAt)
    await restarted.close()
    return { endToEnd, drained }
  } finally {
    await database.end()
    await side.close()
  }
}

/** Drops all messages left in the queue by earlier runs. */
async function openQuintet(): Promise<Side> {
  const databaseUrl = await freshPostgres('bench_orders')
  await migrate('billing', { BILLING_DATABASE_URL: databaseUrl }, workingTree)
  const url = engine('amqp')
  const queue = await openQueue(url)
  await queue.purge(billingQueue)
  return {
    databaseUrl,
    consumer: { ...billing, settings: { BILLING_DATABASE_URL: databaseUrl, QUEUE_URL: url } },
    publish: () => queue.publish(billingQueue, { id: randomUUID(), key: '', body }),
    close: () => queue.close(),
  }
}

async function openPeer(): Promise<Side> {
  const url = engine('amqp')
  const databaseUrl = await freshPostgres('bench_peer_orders')
  const database = new pg.Client(databaseUrl)
  await database.connect()
  await database.query(
    'create table orders (id serial primary key, user_id text, number_of_items integer, total_amount text)',
  )
  await database.end()
  const name = `bench_peer_${randomBytes(4).toString('hex')}`
  const connection = await connect(url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  return {
    databaseUrl,
    consumer: {
      script: join(import.meta.dirname, 'peer-billing.ts'),
      ports: ['PEER_PORT'],
      settings: { PEER_QUEUE: name, PEER_QUEUE_URL: url, PEER_DATABASE_URL: databaseUrl },
      core: 'server',
    },
    publish: () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const confirmed = (error: unknown) => (error ? reject(error) : resolve())
      channel.sendToQueue(name, Buffer.from(body), { persistent: true, messageId: randomUUID() }, confirmed)
      return promise
    },
    async close() {
      await channel.deleteQueue(name)
      await connection.close()
    },
  }
}

async function publishAll(publish: () => Promise<unknown>): Promise<void> {
  let remaining = ordersCount
  const publishRemaining = async () => {
    while (remaining > 0) {
      remaining -= 1
      await publish()
    }
  }
  await Promise.all(Array.from({ length: inFlightMax }, publishRemaining))
}

/** Reads the highest id, because counting rows would load the database under test. */
async function untilStored(database: pg.Client, count: number): Promise<void> {
  for (const deadline = performance.now() + storedWithinMs; performance.now() < deadline; ) {
    const { rows } = await database.query<{ last: number }>(
      'select coalesce(max(id), 0)::int as last from orders',
    )
    if ((rows[0]?.last ?? 0) >= count) return
    await setTimeout(pollMs)
  }
  throw new Error(`${count} orders were not stored within ${storedWithinMs} ms.`)
}

function rateSince(startedAt: number): number {
  return (ordersCount * 1_000) / (performance.now() - startedAt)
}
