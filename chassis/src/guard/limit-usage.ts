import { createClient } from '@redis/client'
import { sql } from 'kysely'
import { singleTaskOptions } from '../cache/redis/client-options.ts'
import { parseRateLimitPolicies, policiesOfLines } from '../config/index.ts'
import type { RateLimitPolicy } from '../config/index.ts'
import { readDatabase } from '../database/index.ts'
import { dependencyDown } from '../errors/index.ts'
import { readListFile } from '../files/index.ts'
import { levelAt, rateOf } from './gcra.ts'
import { removeQuotas } from './quota-table.ts'
import type { QuotaTable } from './quota-table.ts'
import { limitKeyPrefix } from './redis.ts'

/** How much of a limit or quota a client, an account or the like has used. */
export type LimitUsage = {
  /** The service that counts it. */
  readonly place: string
  readonly policy: string
  /** What the policy counts by, such as an address. */
  readonly partition: string
  readonly used: number
  readonly limit: number
}

/** Where limits and quotas are counted, and their policies. */
export type LimitSources = {
  readonly url: string
  readonly quotaUrl: string
  readonly text: string
  readonly file: string
}

/** Whether other processes can see what is counted. */
export function isShared({ url }: Pick<LimitSources, 'url'>): boolean {
  return !url.startsWith('memory:')
}

/** All that is counted at the moment, in Redis and in the database of quotas. */
export async function readLimitUsage(sources: LimitSources, nowMs: number): Promise<LimitUsage[]> {
  const policies = policiesOf(sources)
  return [
    ...(isShared(sources) ? await withRedis(sources.url, (client) => readRates(client, policies)) : []),
    ...(await readQuotas(sources.quotaUrl, policies, nowMs)),
  ]
}

/** Forgets what is counted by one policy for one client or the like; returns how many counts there were. */
export async function resetLimit(
  sources: LimitSources,
  { policy, partition }: { policy: string; partition: string },
  places: readonly string[],
): Promise<number> {
  const keys = places.map((place) => `${place}:${policy}:${partition}`)
  const rates = isShared(sources)
    ? await withRedis(sources.url, (client) => client.del(keys.map((key) => limitKeyPrefix + key)))
    : 0
  return rates + (await removeQuotas(sources.quotaUrl, keys))
}

/** The policies in force. */
export function policiesOf({ text, file }: Pick<LimitSources, 'text' | 'file'>): readonly RateLimitPolicy[] {
  const list = file === '' ? text : policiesOfLines(readListFile(file))
  return parseRateLimitPolicies(list).policies
}

type RedisClient = ReturnType<typeof clientOf>

function clientOf(url: string) {
  return createClient({ url, ...singleTaskOptions })
}

async function withRedis<R>(url: string, work: (client: RedisClient) => Promise<R>): Promise<R> {
  const client = clientOf(url)
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } catch (error) {
    throw dependencyDown('Redis, where limits are counted, does not respond.', error)
  } finally {
    client.destroy()
  }
}

const keysPerPage = 1_000

async function readRates(client: RedisClient, policies: readonly RateLimitPolicy[]): Promise<LimitUsage[]> {
  const usages: LimitUsage[] = []
  const [seconds, microseconds] = await client.time()
  const nowUs = Number(seconds) * 1_000_000 + Number(microseconds)
  let cursor = '0'
  do {
    const page = await client.scan(cursor, { MATCH: `${limitKeyPrefix}*`, COUNT: keysPerPage })
    cursor = page.cursor
    const values = page.keys.length === 0 ? [] : await client.mGet(page.keys)
    for (const [i, key] of page.keys.entries()) {
      const { policy, ...names } = partsOf(key.slice(limitKeyPrefix.length), policies)
      if (policy?.kind !== 'rate') continue
      const { intervalUs, capacityUs } = rateOf(policy)
      const levelUs = levelAt(nowUs, Number(values[i] ?? 0), capacityUs)
      const used = Math.ceil(levelUs / intervalUs)
      usages.push({ ...names, policy: policy.name, used, limit: policy.burst })
    }
  } while (cursor !== '0')
  return usages
}

async function readQuotas(
  url: string,
  policies: readonly RateLimitPolicy[],
  nowMs: number,
): Promise<LimitUsage[]> {
  const rows = await readDatabase<QuotaTable, QuotaTable['quota'][]>(url, async (query) => {
    const found = sql<QuotaTable['quota']>`select * from quota where ends_at > ${nowMs}`
    return [...(await found.execute(query)).rows]
  })
  return (rows ?? []).flatMap(({ id, reserved }) => {
    const { policy, ...names } = partsOf(id.slice(0, id.lastIndexOf('@')), policies)
    if (policy?.kind !== 'quota') return []
    return [{ ...names, policy: policy.name, used: Number(reserved), limit: policy.quota }]
  })
}

/** `place:policy:partition`, of which only the last may have a colon itself. */
function partsOf(key: string, policies: readonly RateLimitPolicy[]) {
  const [place = '', name = '', ...rest] = key.split(':')
  return { place, policy: policies.find((policy) => policy.name === name), partition: rest.join(':') }
}
