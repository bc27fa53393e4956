import { createServer } from 'node:http'
import { answerBody, answerHeaders } from './answer.ts'

const headers = { ...answerHeaders, 'content-length': Buffer.byteLength(answerBody) }
// The length of this setting shows in the Keep-Alive header of every answer; it is Fastify's.
const keepAliveTimeout = 72_000

const server = createServer({ keepAliveTimeout }, (_request, response) => {
  response.writeHead(200, headers)
  response.end(answerBody)
})

server.listen(Number(process.env.FLOOR_PORT), process.env.HOST)
process.on('SIGTERM', () => process.exit(0))
