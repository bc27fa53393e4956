import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { StorageName } from '@quintet/backends'
import { setTimeout as pause } from 'node:timers/promises'
import { Admin, Producer } from '@platformatic/kafka'
import { createClient } from '@redis/client'
import { connect } from 'amqplib'
import { MongoClient } from 'mongodb'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { Operation } from './operation.ts'

/**
 * A write by the engine's own client, on a connection of its own, so that it shows when the engine can be used again whatever
 * the services do. Each rejects within some seconds if there is no response. The first creates what is written to, if there is none
 * yet, since that would be work for an engine that has just returned.
 */
export function engineWrite(name: StorageName, url: string): Operation {
  return () => writes[name](url)
}

async function orCreate(write: () => Promise<unknown>, create: () => Promise<unknown>): Promise<void> {
  await write().catch(async () => {
    await create()
    await write()
  })
}

/** Writes to a topic that has been created: brokers have it in their metadata a moment later. */
async function writeSoon(write: () => Promise<unknown>): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
    }
    await pause(50)
  }
}

const timeoutMs = 2_000
const table = 'nemesis'

const writes: Readonly<Record<StorageName, (url: string) => Promise<unknown>>> = {
  async postgres(url) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await orCreate(
        () => client.query(`insert into ${table} values (1)`),
        () => client.query(`create table if not exists ${table} (n int)`),
      )
    } finally {
      client.connection.stream.destroy()
    }
  },

  async mysql(url) {
    const client = await mysql.createConnection({ uri: url, connectTimeout: timeoutMs })
    client.on('error', () => {})
    try {
      const query = (sql: string) => client.query({ sql, timeout: timeoutMs })
      await orCreate(
        () => query(`insert into ${table} values (1)`),
        () => query(`create table if not exists ${table} (n int)`),
      )
    } finally {
      client.destroy()
    }
  },

  async mongodb(url) {
    const client = new MongoClient(url, {
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
      socketTimeoutMS: timeoutMs,
    })
    try {
      await client.db().collection<{ n: number }>(table).insertOne({ n: 1 })
    } finally {
      void client.close().catch(() => {})
    }
  },

  async redis(url) {
    const socket = { connectTimeout: timeoutMs, socketTimeout: timeoutMs, reconnectStrategy: false } as const
    const client = createClient({ url, socket })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.set(table, '1')
    } finally {
      if (client.isOpen) client.destroy()
    }
  },

  async amqp(url) {
    const ending = new AbortController()
    const timer = setTimeout(() => ending.abort(), timeoutMs)
    const options = { timeout: timeoutMs, signal: ending.signal }
    const connection = await connect(url, options)
    connection.on('error', () => {})
    try {
      const channel = await connection.createConfirmChannel()
      channel.on('error', () => {})
      await channel.assertQueue(table, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
      channel.sendToQueue(table, Buffer.from('1'))
      await channel.waitForConfirms()
    } finally {
      clearTimeout(timer)
      void connection.close().catch(() => {})
    }
  },

  async kafka(url) {
    const options = {
      clientId: table,
      bootstrapBrokers: [new URL(url).host],
      retries: 0,
      connectTimeout: timeoutMs,
      requestTimeout: timeoutMs,
    }
    const [admin, producer] = [new Admin(options), new Producer(options)]
    try {
      const messages = [{ topic: table, value: Buffer.from('1') }]
      const send = () => producer.send({ messages })
      await send().catch(async () => {
        await admin.createTopics({ topics: [table], partitions: 1 })
        await writeSoon(send)
      })
    } finally {
      for (const client of [admin, producer]) void client.close().catch(() => {})
    }
  },

  async dynamodb(url) {
    const { host, pathname, searchParams } = new URL(url)
    const client = new DynamoDBClient({
      endpoint: `http://${host}`,
      region: searchParams.get('region') ?? '',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
      requestHandler: {
        requestTimeout: timeoutMs,
        connectionTimeout: timeoutMs,
        throwOnRequestTimeout: true,
      },
    })
    const Item = { pk: { S: table }, sk: { S: '1' } }
    await client
      .send(new PutItemCommand({ TableName: pathname.slice(1), Item }))
      .finally(() => client.destroy())
  },
}
