import { createClient } from '@redis/client'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** Redis as a cache: one server, nothing on disk, bounded, and never evicting what has no end of life. */
export async function diagnoseRedis(url: string): Promise<Finding[]> {
  const client = createClient({ url, socket: { connectTimeout: 5_000, reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  try {
    const info = parseInfo(await client.info())
    const settings = await client
      .configGet(['maxmemory', 'maxmemory-policy', 'save', 'appendonly'])
      .catch(() => undefined)
    return [
      good(`Redis ${info.get('redis_version')} answers.`),
      clusterOf(info),
      replicationOf(info),
      ...(settings === undefined
        ? [weak('CONFIG GET is refused, so memory and persistence could not be looked at.')]
        : [memoryOf(settings), evictionOf(settings), persistenceOf(settings)]),
    ]
  } finally {
    client.destroy()
  }
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
    ? broken('It is a cluster, whose redirections hide which server answers. Use a single one.')
    : good('It is a single server.')
}

function replicationOf(info: ReadonlyMap<string, string>): Finding {
  if (info.get('role') !== 'master')
    return broken('It is a replica: what it holds may be old. Give the address of the master.')
  return info.get('connected_slaves') === '0'
    ? good('It has no replicas, which a cache does not need.')
    : weak(
        'It has replicas: one that takes over holds old values, which then cost a new generation of the cache.',
      )
}

function memoryOf(settings: Settings): Finding {
  return settings.maxmemory === '0'
    ? weak('maxmemory is 0: nothing bounds what it holds.')
    : good(`maxmemory is ${settings.maxmemory} bytes.`)
}

function evictionOf(settings: Settings): Finding {
  const policy = settings['maxmemory-policy'] ?? ''
  return policy.startsWith('volatile-') || policy === 'noeviction'
    ? good(`maxmemory-policy is ${policy}: the marks of writes under way are never evicted.`)
    : broken(`maxmemory-policy is ${policy}: it may evict the marks of writes under way. Set volatile-lru.`)
}

function persistenceOf(settings: Settings): Finding {
  return settings.save === '' && settings.appendonly === 'no'
    ? good('Nothing is kept on disk, so that it restarts empty.')
    : weak(
        'It keeps a copy on disk, which a cache does not need: old values come back at a restart and are then left behind.',
      )
}
