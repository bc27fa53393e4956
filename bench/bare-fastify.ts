import { randomUUID } from 'node:crypto'
import fastify from 'fastify'
import { guidResponse, guidResponseHeaders } from './guid-response.ts'

const text = { type: 'string' }
const params = {
  type: 'object',
  required: ['guid'],
  properties: { guid: { ...text, pattern: '^[0-9A-Fa-f]{32}$' } },
}
const body = { type: 'object', required: ['user'], properties: { user: text, expire: text } }
const guid = {
  type: 'object',
  required: ['guid', 'user', 'expire'],
  properties: { guid: text, user: text, expire: text },
}

const app = fastify()
app.get('/health/ready', () => 'ready')
app.get('/guid/:guid', { schema: { params, response: { 200: guid } } }, (_request, reply) => {
  reply.headers(guidResponseHeaders).send(guidResponse)
})
app.post<{ Body: { user: string } }>(
  '/guid',
  { schema: { body, response: { 201: guid } } },
  ({ body: { user } }, reply) => {
    const created = { ...guidResponse, guid: randomUUID().replaceAll('-', '').toUpperCase(), user }
    reply.code(201).headers(guidResponseHeaders).send(created)
  },
)

await app.listen({ port: Number(process.env.FASTIFY_PORT), host: process.env.HOST ?? '127.0.0.1' })
process.on('SIGTERM', () => process.exit(0))
