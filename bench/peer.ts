import { randomUUID } from 'node:crypto'
import { createClient } from '@redis/client'
import fastify from 'fastify'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

/** A plain implementation of guid for comparison: Fastify, Kysely, pg and node-redis, each used as its manual recommends. */

type Row = { guid: string; user: string; expire: string }
type Tables = { guid: { guid: string; user: string; expire: number } }

const guidPattern = '^[0-9A-F]{32}$'
const text = { type: 'string' }
const params = { type: 'object', required: ['guid'], properties: { guid: { ...text, pattern: guidPattern } } }
const body = { type: 'object', required: ['user'], properties: { user: text, expire: text } }
const row = {
  type: 'object',
  required: ['guid', 'user', 'expire'],
  properties: { guid: text, user: text, expire: text },
}
const monthSeconds = 30 * 24 * 3_600

const db = new Kysely<Tables>({
  dialect: new PostgresDialect({
    pool: new pg.Pool({ connectionString: String(process.env.PEER_DATABASE_URL), max: 20 }),
  }),
})
await sql`create table if not exists guid (guid varchar(32) primary key, "user" varchar(256) not null, expire bigint not null)`.execute(
  db,
)

const redis = createClient({ url: String(process.env.PEER_CACHE_URL) })
redis.on('error', () => {})
await redis.connect()

const app = fastify()

async function create(guid: string, { user, expire }: { user: string; expire?: string }): Promise<Row> {
  const record = { guid, user, expire: Number(expire ?? Math.floor(Date.now() / 1_000) + monthSeconds) }
  await db.insertInto('guid').values(record).execute()
  const created = { ...record, expire: String(record.expire) }
  await redis.set(`peer:${guid}`, JSON.stringify(created), { expiration: { type: 'EX', value: 60 } })
  return created
}

app.get('/health/ready', () => 'ready')
app.get<{ Params: { guid: string } }>(
  '/guid/:guid',
  { schema: { params, response: { 200: row } } },
  async (request, reply) => {
    const { guid } = request.params
    const cached = await redis.get(`peer:${guid}`)
    if (cached !== null) return JSON.parse(cached)
    const found = await db.selectFrom('guid').selectAll().where('guid', '=', guid).executeTakeFirst()
    if (found === undefined) return reply.code(404).send({ error: 'not found' })
    await redis.set(`peer:${guid}`, JSON.stringify(found), { expiration: { type: 'EX', value: 60 } })
    return found
  },
)
app.post<{ Params: { guid: string }; Body: { user: string; expire?: string } }>(
  '/guid/:guid',
  { schema: { params, body, response: { 201: row } } },
  async (request, reply) => reply.code(201).send(await create(request.params.guid, request.body)),
)
app.post<{ Body: { user: string; expire?: string } }>(
  '/guid',
  { schema: { body, response: { 201: row } } },
  async (request, reply) =>
    reply.code(201).send(await create(randomUUID().replaceAll('-', '').toUpperCase(), request.body)),
)

await app.listen({ port: Number(process.env.PEER_PORT), host: process.env.HOST ?? '127.0.0.1' })
process.on('SIGTERM', () => process.exit(0))
