import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Checkout } from './checkout.ts'
import { engine, freshMysql, freshPostgres, migrate } from './engines.ts'
import { insertRows, selectRows } from './postgres-tools.ts'
import { getKeys } from './redis-tools.ts'
import { bareFastify, brokerage, guid, limitSettings } from './rows.ts'
import type { Row, Tool } from './rows.ts'
import type { ServerProcess } from './servers.ts'
import { guidCreations, guidReads, noRequests, ordersOnFew } from './workloads.ts'

const manyConnections = 128
const fewConnections = 4

/** The services on real engines, and what they are compared with: the engines' own benchmark tools, and a plain implementation. */
export const engineRows: Row[] = [
  toolRow('redis-benchmark GET', getKeys),
  row('guid GET through Redis', guidOn('redis', { cache: 'redis' }), guidReads),
  row('peer GET through Redis', peer('reads'), guidReads),
  row('guid GET cached (limits in Redis)', guidWithLimits(), guidReads),
  toolRow('pgbench selects', selectRows),
  row('guid GET from PostgreSQL uncached', guidOn('uncached', { cache: 'none' }), guidReads),
  toolRow('pgbench inserts', insertRows),
  row('fastify POST', bareFastify, guidCreations),
  row('guid POST on PostgreSQL', guidOn('creations', { cache: 'redis' }), guidCreations),
  row('guid POST on MySQL', guidOn('mysql', { cache: 'redis', fresh: freshMysql }), guidCreations),
  row('peer POST on PostgreSQL', peer('creations'), guidCreations),
  withConnections(manyConnections, toolRow('pgbench inserts at 128', insertRows)),
  withConnections(manyConnections, row('fastify POST at 128', bareFastify, guidCreations)),
  withConnections(
    manyConnections,
    row('guid POST on PostgreSQL at 128', guidOn('many', { cache: 'redis' }), guidCreations),
  ),
  row('guid POST on MongoDB', guidOnMongodb(), guidCreations),
  withConnections(fewConnections, row('orders on DynamoDB', brokerageOnDynamodb(), ordersOnFew)),
]

function row(name: string, process: ServerProcess, workload: Row['workload']): Row {
  return { name, processes: [process], workload, engines: true }
}

function toolRow(name: string, tool: Tool): Row {
  return { name, processes: [], workload: noRequests, engines: true, tool }
}

function withConnections(connections: number, row: Row): Row {
  return { ...row, connections }
}

function guidOn(
  name: string,
  { cache, fresh = freshPostgres }: { cache: 'redis' | 'none'; fresh?: typeof freshPostgres },
): ServerProcess {
  return {
    ...guid,
    async prepare(checkout) {
      const GUID_DATABASE_URL = await fresh(`bench_guid_${name}_${checkout.name}`)
      await migrate('guid', { GUID_DATABASE_URL }, checkout)
      return { GUID_DATABASE_URL, CACHE_URL: cache === 'none' ? 'none:' : redisUrl(checkout) }
    },
  }
}

function guidWithLimits(): ServerProcess {
  return {
    ...guid,
    settings: limitSettings,
    prepare: async (checkout) => ({ RATE_LIMIT_URL: redisUrl(checkout) }),
  }
}

function guidOnMongodb(): ServerProcess {
  return {
    ...guid,
    async prepare(checkout) {
      const database = { pathname: `/bench_${randomBytes(6).toString('hex')}` }
      const GUID_DATABASE_URL = Object.assign(new URL(engine('mongodb')), database).href
      await migrate('guid', { GUID_DATABASE_URL }, checkout)
      return { GUID_DATABASE_URL, CACHE_URL: redisUrl(checkout) }
    },
  }
}

/** Each checkout has a Redis database of its own, so that neither reads entries of the other. */
function redisUrl({ name }: Checkout): string {
  return name === 'current'
    ? engine('redis')
    : Object.assign(new URL(engine('redis')), { pathname: '/1' }).href
}

function brokerageOnDynamodb(): ServerProcess {
  return {
    ...brokerage,
    async prepare(checkout) {
      const table = { pathname: `/bench_${randomBytes(6).toString('hex')}` }
      const BROKERAGE_DATABASE_URL = Object.assign(new URL(engine('dynamodb')), table).href
      await migrate('brokerage', { BROKERAGE_DATABASE_URL }, checkout)
      return { BROKERAGE_DATABASE_URL, CACHE_URL: redisUrl(checkout) }
    },
  }
}

function peer(name: string): ServerProcess {
  return {
    script: join(import.meta.dirname, 'peer.ts'),
    ports: ['PEER_PORT'],
    core: 'server',
    async prepare() {
      return {
        PEER_DATABASE_URL: await freshPostgres(`bench_peer_${name}`),
        PEER_CACHE_URL: engine('redis'),
      }
    },
  }
}
