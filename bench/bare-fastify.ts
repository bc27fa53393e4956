import fastify from 'fastify'
import { answer, answerHeaders } from './answer.ts'

const text = { type: 'string' }
const params = {
  type: 'object',
  required: ['guid'],
  properties: { guid: { ...text, pattern: '^[0-9A-Fa-f]{32}$' } },
}
const response = {
  200: {
    type: 'object',
    required: ['guid', 'user', 'expire'],
    properties: { guid: text, user: text, expire: text },
  },
}

const app = fastify()
app.get('/health/ready', () => 'ready')
app.get('/guid/:guid', { schema: { params, response } }, (_request, reply) => {
  reply.headers(answerHeaders).send(answer)
})

await app.listen({ port: Number(process.env.FASTIFY_PORT), host: process.env.HOST ?? '127.0.0.1' })
process.on('SIGTERM', () => process.exit(0))
