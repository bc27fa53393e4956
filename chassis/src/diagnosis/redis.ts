import { createClient } from '@redis/client'
import { singleTaskOptions } from '../cache/redis/client-options.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** Redis as a cache: one server, no persistence, bounded memory, and no eviction of keys without a TTL. */
export async function diagnoseRedis(url: string): Promise<Finding[]> {
  return withClient(url, async (client, info) => {
    const settings = await client
      .configGet(['maxmemory', 'maxmemory-policy', 'save', 'appendonly'])
      .catch(() => undefined)
    return [
      clusterOf(info),
      replicationOf(info),
      ...(settings === undefined
        ? [weak('CONFIG GET is refused, so memory and persistence could not be examined.')]
        : [memoryOf(settings), evictionOf(settings), persistenceOf(settings)]),
    ]
  })
}

/** Redis as the place where limits are counted: one server, which can be written. */
export async function diagnoseLimitRedis(url: string): Promise<Finding[]> {
  return withClient(url, async (_client, info) => [
    clusterOf(info),
    info.get('role') === 'master'
      ? good('It can be written.')
      : broken('It is a replica, in which nothing can be counted. Give the address of the master.'),
  ])
}

/** The findings of an examination through a connection of its own, after one that the server answers. */
async function withClient(
  url: string,
  examine: (client: ReturnType<typeof clientOf>, info: ReadonlyMap<string, string>) => Promise<Finding[]>,
): Promise<Finding[]> {
  const client = clientOf(url)
  client.on('error', () => {})
  await client.connect()
  try {
    const info = parseInfo(await client.info())
    return [good(`Redis ${info.get('redis_version')} answers.`), ...(await examine(client, info))]
  } finally {
    client.destroy()
  }
}

function clientOf(url: string) {
  return createClient({ url, ...singleTaskOptions })
}

type Settings = Readonly<Record<string, string>>

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
}

function clusterOf(info: ReadonlyMap<string, string>): Finding {
  return info.get('cluster_enabled') === '1'
    ? broken('It is a cluster, whose redirections hide which server replies. Use a single one.')
    : good('It is a single server.')
}

function replicationOf(info: ReadonlyMap<string, string>): Finding {
  if (info.get('role') !== 'master')
    return broken('It is a replica: its values may be stale. Give the address of the master.')
  return info.get('connected_slaves') === '0'
    ? good('It has no replicas, which a cache does not need.')
    : weak('It has replicas: one that takes over has stale values, so the cache is then emptied.')
}

function memoryOf(settings: Settings): Finding {
  return settings.maxmemory === '0'
    ? weak('maxmemory is 0: its memory is not bounded.')
    : good(`maxmemory is ${settings.maxmemory} bytes.`)
}

function evictionOf(settings: Settings): Finding {
  const policy = settings['maxmemory-policy'] ?? ''
  return policy.startsWith('volatile-') || policy === 'noeviction'
    ? good(`maxmemory-policy is ${policy}: the markers of writes in progress are never evicted.`)
    : broken(
        `maxmemory-policy is ${policy}: it may evict the markers of writes in progress. Set volatile-lru.`,
      )
}

function persistenceOf(settings: Settings): Finding {
  return settings.save === '' && settings.appendonly === 'no'
    ? good('Persistence is off, so it restarts empty.')
    : weak(
        'Persistence is on, which a cache does not need: the stale values that a restart loads are discarded.',
      )
}
