import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Service } from './topology.ts'
import type { Upstream } from './upstream.ts'

const probeTimeoutMs = 1_000

const ServiceHealth = Type.Object({
  status: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('not_deployed')]),
  latency_ms: Type.Optional(Type.Number({ description: 'How long it took to say so.' })),
  circuit: Type.Optional(
    Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')]),
  ),
})

export const Health = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')], {
    description: 'degraded while a service that is deployed is down',
  }),
  services: Type.Record(Type.String(), ServiceHealth),
})

type ServiceHealth = Static<typeof ServiceHealth>

/** Asks every service that is deployed whether it is ready, all at once. */
export async function checkHealth(
  topology: readonly Service[],
  upstreams: ReadonlyMap<string, Upstream>,
): Promise<Static<typeof Health>> {
  const states = await Promise.all(
    topology.map(
      async ({ name }): Promise<[string, ServiceHealth]> => [name, await healthOf(upstreams.get(name))],
    ),
  )
  const isDegraded = states.some(([, { status }]) => status === 'down')
  return { status: isDegraded ? 'degraded' : 'ok', services: Object.fromEntries(states) }
}

async function healthOf(upstream: Upstream | undefined): Promise<ServiceHealth> {
  if (upstream === undefined) return { status: 'not_deployed' }
  const startedAt = performance.now()
  const status = (await isReady(upstream.url)) ? 'up' : 'down'
  const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100
  return { status, latency_ms, circuit: upstream.circuit() }
}

/** Asked on a connection of its own kind, so that a full or broken circuit does not hide what the service says. */
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
