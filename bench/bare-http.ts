import { createServer } from 'node:http'
import { guidResponseBody, guidResponseHeaders } from './guid-response.ts'

const headers = { ...guidResponseHeaders, 'content-length': Buffer.byteLength(guidResponseBody) }
/** Fastify's default. The value is sent in the Keep-Alive header, so it must have as many digits as the services'. */
const keepAliveTimeout = 72_000

const server = createServer({ keepAliveTimeout }, (_request, response) => {
  response.writeHead(200, headers)
  response.end(guidResponseBody)
})

server.listen(Number(process.env.BARE_HTTP_PORT), process.env.HOST)
process.on('SIGTERM', () => process.exit(0))
