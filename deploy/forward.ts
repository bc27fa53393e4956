import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

/** Forwards TCP connections to servers: node deploy/forward.ts 8888:guid:8888 …, each with the port that it listens on first. */

for (const argument of process.argv.slice(2)) {
  const [listened = '', host = '', port = ''] = argument.split(':')
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host, port: Number(port), allowHalfOpen: true })
    // An error on one side ends both, as clients notice.
    pipeline(client, upstream, client, () => undefined)
  })
  server.listen(Number(listened))
}
