import { withTimeout } from '@quintet/chassis/clock'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { OrderQueue } from './lazy-queue.ts'
import type { Destination } from './topology.ts'
import type { Upstream } from './upstream.ts'

const probeTimeoutMs = 1_000

const ServiceHealth = Type.Object(
  {
    status: Type.Union([Type.Literal('up'), Type.Literal('down')]),
    latency_ms: Type.Number({ description: 'Duration of the health check.' }),
    circuit: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')]),
  },
  { title: 'ServiceHealth' },
)

export const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')], {
      description: 'degraded while a service or the queue is down',
    }),
    queue: Type.Object({ status: Type.Union([Type.Literal('up'), Type.Literal('down')]) }),
    services: Type.Record(Type.String(), ServiceHealth),
  },
  { title: 'SystemHealth' },
)

type ServiceHealth = Static<typeof ServiceHealth>

/** Checks the queue and the readiness of every service, concurrently. */
export async function checkHealth(
  destinations: readonly Destination[],
  queue: Pick<OrderQueue, 'ping'>,
): Promise<Static<typeof Health>> {
  const [isQueueUp, ...states] = await Promise.all([
    responds(queue),
    ...destinations.map(
      async ({ name, upstream }): Promise<[string, ServiceHealth]> => [name, await healthOf(upstream)],
    ),
  ])
  const isDegraded = !isQueueUp || states.some(([, { status }]) => status === 'down')
  return {
    status: isDegraded ? 'degraded' : 'ok',
    queue: { status: isQueueUp ? 'up' : 'down' },
    services: Object.fromEntries(states),
  }
}

function responds(queue: Pick<OrderQueue, 'ping'>): Promise<boolean> {
  return withTimeout(probeTimeoutMs, queue.ping()).then(
    () => true,
    () => false,
  )
}

async function healthOf(upstream: Upstream): Promise<ServiceHealth> {
  const startedAt = performance.now()
  const status = (await isReady(upstream.url)) ? 'up' : 'down'
  const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100
  return { status, latency_ms, circuit: upstream.circuit() }
}

/** Not through the upstream's client, so that an open circuit or its limits do not hide the state of the service. */
async function isReady(url: URL): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), {
      signal: AbortSignal.timeout(probeTimeoutMs),
    })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
