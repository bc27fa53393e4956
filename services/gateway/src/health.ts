import { withTimeout } from '@quintet/chassis/clock'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Endpoint } from './endpoint.ts'
import type { OrderQueue } from './lazy-queue.ts'
import type { Destination } from './topology.ts'
import type { Upstream } from './upstream.ts'

const probeTimeoutMs = 1_000

const Status = Type.Union([Type.Literal('up'), Type.Literal('down')])
const Circuit = Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')])
const latency = Type.Number({ description: 'Duration of the health check.' })

const AddressHealth = Type.Object(
  {
    address: Type.String({ description: 'Where the gateway connects to.' }),
    status: Status,
    latency_ms: latency,
    circuit: Circuit,
    reason: Type.Optional(Type.String({ description: 'Why it is down, and what mends that.' })),
  },
  { title: 'AddressHealth' },
)

const ServiceHealth = Type.Object(
  { status: Status, latency_ms: latency, circuit: Circuit, addresses: Type.Array(AddressHealth) },
  {
    title: 'ServiceHealth',
    description: 'A service is up, and its circuit closed, while that of one of its addresses is.',
  },
)

export const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')], {
      description: 'degraded while a service, the queue or what limits are counted in is down',
    }),
    queue: Type.Object({ status: Status }),
    limits: Type.Optional(
      Type.Object(
        { status: Status },
        {
          description:
            'Where there are limits: down while they cannot be counted where they should be, so that each policy does what it says for that.',
        },
      ),
    ),
    services: Type.Record(Type.String(), ServiceHealth),
  },
  { title: 'SystemHealth' },
)

type ServiceHealth = Static<typeof ServiceHealth>

/** Checks the queue and the readiness of every service, concurrently. */
export async function checkHealth(
  destinations: readonly Destination[],
  queue: Pick<OrderQueue, 'ping'>,
  limits: App['limits'],
): Promise<Static<typeof Health>> {
  const [isQueueUp, ...states] = await Promise.all([
    responds(queue),
    ...destinations.map(
      async ({ name, upstream }): Promise<[string, ServiceHealth]> => [name, await healthOf(upstream)],
    ),
  ])
  const isDegraded =
    !isQueueUp || limits?.isDegraded() === true || states.some(([, { status }]) => status === 'down')
  return {
    status: isDegraded ? 'degraded' : 'ok',
    queue: { status: isQueueUp ? 'up' : 'down' },
    ...(limits !== undefined && { limits: { status: limits.isDegraded() ? 'down' : 'up' } }),
    services: Object.fromEntries(states),
  }
}

function responds(queue: Pick<OrderQueue, 'ping'>): Promise<boolean> {
  return withTimeout(probeTimeoutMs, queue.ping()).then(
    () => true,
    () => false,
  )
}

/** That of its address that responds first, if one is ready. */
async function healthOf(upstream: Upstream): Promise<ServiceHealth> {
  const addresses = await Promise.all(upstream.endpoints().map(healthOfAddress))
  const isUp = addresses.some(({ status }) => status === 'up')
  const status = isUp ? 'up' : 'down'
  const latencies = addresses.filter((one) => one.status === status).map(({ latency_ms }) => latency_ms)
  return { status, latency_ms: Math.min(...latencies), circuit: upstream.circuit(), addresses }
}

/** Not as a request of a client, so that an open circuit or a limit does not hide the state of the service. */
async function healthOfAddress(endpoint: Endpoint): Promise<Static<typeof AddressHealth>> {
  const startedAt = performance.now()
  const probed = withTimeout(probeTimeoutMs, endpoint.probeReadiness())
  const reason = await probed.catch(() => 'It does not respond in time.')
  const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100
  return {
    address: endpoint.url.host,
    status: reason === undefined ? 'up' : 'down',
    latency_ms,
    circuit: endpoint.circuit.state(),
    ...(reason !== undefined && { reason }),
  }
}
