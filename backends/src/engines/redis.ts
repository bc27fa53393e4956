import { join } from 'node:path'
import { find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import { makeOwnedFolder } from '../processes.ts'
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
    makeOwnedFolder(join(folder, 'data'), user)
  },
  programs: (place) => [redisProgram(place)],
  url: (port) => `redis://127.0.0.1:${port}`,
  ping: pingRedis,
}

/** As a cache: without persistence; it evicts only keys with a time to live, so that markers stay. */
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
    ready: () => pingRedis(new URL(redis.url(port))),
  }
}

/** Sends PING; an error that demands authentication is a response as well. */
async function pingRedis(url: URL): Promise<void> {
  const bytes = await exchange(url, {
    standardPort: 6379,
    request: Buffer.from('PING\r\n'),
    isComplete: (response) => response.includes('\r\n'),
  })
  const response = bytes.toString().trim()
  if (!/^(\+PONG|-NOAUTH)/.test(response)) throw new Error(`${url.host} rejects the connection: ${response}`)
}
