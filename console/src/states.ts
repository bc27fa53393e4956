import type { Clock } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import type { Logger } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import type { History, ObservedService } from './parts.ts'
import type { ServiceState } from './wire/index.ts'

/** A service as its readiness has it. */
export type FoundState = {
  readonly state: ServiceState
  /** Why it is not up, in words; empty where it is. */
  readonly fault: string
  /** `up`, or a fault, for each part that it needs, as far as those may be seen. */
  readonly dependencies: Readonly<Record<string, string>>
}
export type KnownState = FoundState & { readonly since: number }

const probeTimeoutMs = 2_000
const probeIntervalMs = 5_000

export type States = ReturnType<typeof createStates>

/** Finds out how each service is, at each call and every five seconds, and keeps what has changed as an event. */
export function createStates(
  services: readonly ObservedService[],
  { clock, history, logger }: { clock: Clock; history: Pick<History, 'addEvent'>; logger: Logger },
) {
  const known = new Map<ServiceName, KnownState>()
  const probes = new Map(services.map((service) => [service.name, createShared(() => examine(service))]))

  async function examine(service: ObservedService): Promise<KnownState> {
    const found = await probe(service)
    const before = known.get(service.name)
    const isSame = before?.state === found.state
    const own = service.control?.since()
    const since = own ?? (isSame ? before.since : clock.now())
    const now = { ...found, since: found.state === 'not ready' && isSame ? before.since : since }
    known.set(service.name, now)
    // Of a service of another process it is not known whether it has just been started.
    if (before === undefined && own !== undefined && found.state === 'up')
      await history.addEvent({ ...upEvent(service.name), at: own, service: service.name })
    if (before !== undefined && !isSame) await keepChange(service, before, now)
    return now
  }

  async function keepChange({ name }: ObservedService, before: KnownState, now: KnownState): Promise<void> {
    const event = eventOf(name, before.state, now)
    if (event === undefined) return
    await history.addEvent({ ...event, at: clock.now(), service: name })
  }

  const stateOf = (name: ServiceName) => probes.get(name)?.()
  const timer = setInterval(() => {
    for (const { name } of services)
      stateOf(name)?.catch((err: unknown) => logger.warn({ err }, 'the state of a service was not found out'))
  }, probeIntervalMs).unref()
  return { stateOf, stop: () => clearInterval(timer) }
}

const upEvent = (name: string) => ({ kind: 'start' as const, text: `${name} is up.` })

function eventOf(name: string, before: ServiceState, { state, fault }: FoundState) {
  if (state === 'up')
    return before === 'closing' || before === 'starting' || before === 'stopped'
      ? upEvent(name)
      : { kind: 'start' as const, text: `${name} is up again.` }
  if (state === 'stopped') return { kind: 'stop' as const, text: `${name} is stopped.` }
  if (state === 'unreachable' || state === 'not ready')
    return { kind: 'unreachable' as const, text: `${name} is ${state}: ${fault}` }
  return undefined
}

async function probe(service: ObservedService): Promise<FoundState> {
  const { control } = service
  const state = control?.state() ?? 'up'
  return state === 'up' ? readinessOf(service) : { state, fault: '', dependencies: {} }
}

async function readinessOf({ send, readiness, readinessUrl }: ObservedService): Promise<FoundState> {
  const url = readinessUrl()
  try {
    if (readiness !== undefined) return stateFrom(200, await readiness())
    const response = await send(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(probeTimeoutMs),
    })
    return stateFrom(response.status, Object(await response.json()))
  } catch {
    return { state: 'unreachable', fault: `It does not respond at ${url}.`, dependencies: {} }
  }
}

/** From the response for readiness of a service itself, or of what serves its operators. */
function stateFrom(
  status: number,
  { status: word, detail, dependencies, errors }: Readonly<Record<string, unknown>>,
): FoundState {
  const ofAll = textsOf(dependencies ?? errors)
  const faults = Object.entries(ofAll).filter(([, text]) => text !== 'up')
  if (word === 'closing' || detail === 'The service closes.')
    return { state: 'closing', fault: '', dependencies: ofAll }
  if (status === 200 && word !== 'not ready') return { state: 'up', fault: '', dependencies: ofAll }
  const named = faults.map(([name, text]) => `${name}: ${text}`).join(' ')
  return { state: 'not ready', fault: named === '' ? String(detail ?? word) : named, dependencies: ofAll }
}

function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(Object(value)).map(([name, text]) => [name, String(text)]))
}
