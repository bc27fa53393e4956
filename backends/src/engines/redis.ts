import { join } from 'node:path'
import { find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import { ownedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'redis'

export const redis: Engine = {
  name: 'redis',
  title: 'Redis',
  native: "Redis of Debian's packages",
  ports: [16379],
  missingPackages: () => (find('redis-server') === undefined ? ['redis-server'] : []),
  install: async () => {},
  prepare: async ({ folder }) => {
    ownedFolder(join(folder, 'data'), user)
  },
  programs: (place) => [redisProgram(place)],
  url: (port) => `redis://127.0.0.1:${port}`,
  greet: greetRedis,
}

/** A cache: it keeps nothing, and evicts only what has a time to live, so that markers stay. */
function redisProgram({ folder, ports: [port] }: Place): Program {
  const settings = {
    bind: '127.0.0.1',
    port,
    dir: join(folder, 'data'),
    save: '',
    appendonly: 'no',
    maxmemory: '256mb',
    'maxmemory-policy': 'volatile-lru',
  }
  return {
    name: 'redis',
    command: locate('redis-server'),
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
    user,
    ready: () => greetRedis(new URL(redis.url(port))),
  }
}

/** One that wants a password answers too. */
async function greetRedis(url: URL): Promise<void> {
  const bytes = await exchange(url, {
    standardPort: 6379,
    hello: Buffer.from('PING\r\n'),
    complete: (answer) => answer.includes('\r\n'),
  })
  const answer = bytes.toString().trim()
  if (!/^(\+PONG|-NOAUTH)/.test(answer)) throw new Error(`${url.host} refuses: ${answer}`)
}
