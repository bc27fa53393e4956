import type { Clock } from '@quintet/chassis/clock'
import { addressesMax, addressesOf, isNamed, systemResolve } from './addresses.ts'
import type { Resolve } from './addresses.ts'
import { createBalancer } from './balancer.ts'
import type { CircuitState } from './circuit.ts'
import { createEndpoint } from './endpoint.ts'
import type { Endpoint, EndpointOptions } from './endpoint.ts'

const limits = {
  resolveIntervalMs: 10_000,
  /** After a failure, names are resolved anew, but no more often than this. */
  resolveIntervalMinMs: 1_000,
  readyIntervalMs: 1_000,
}

/** Calls back at this interval, until the function that it returns is called. */
export type Repeat = (callback: () => void, ms: number) => () => void

const systemRepeat: Repeat = (callback, ms) => {
  const timer = setInterval(callback, ms).unref()
  return () => clearInterval(timer)
}

type EndpointsOptions = Omit<EndpointOptions, 'url' | 'host' | 'isAlone' | 'onFault'> & {
  /** The addresses of the service, of which some may be names. */
  readonly urls: readonly URL[]
  readonly clock: Clock
  readonly resolve?: Resolve | undefined
  /** Other timers than Node's, for tests. */
  readonly repeat?: Repeat | undefined
}

/** A configured address, with those that it stands for at present. */
type Origin = { readonly url: URL; addresses: readonly URL[]; isResolving: boolean }

/** The addresses of one service, which share its requests. Where there are several, each is asked whether it is ready. */
export function createEndpoints(options: EndpointsOptions) {
  const { urls, clock, resolve = systemResolve, repeat = systemRepeat } = options
  const origins: Origin[] = urls.map((url) => ({ url, addresses: [url], isResolving: false }))
  const balancer = createBalancer<Endpoint>()
  let endpoints = new Map<string, Endpoint>()
  let list: readonly Endpoint[] = []
  let resolvedAtMs = clock.now()
  update()
  const stopTimers = [repeat(checkReadiness, limits.readyIntervalMs)]
  if (urls.some(isNamed)) {
    resolveAll()
    stopTimers.push(repeat(resolveAll, limits.resolveIntervalMs))
  }

  /** Addresses that remain keep their circuits. */
  function update(): void {
    const before = list
    const wanted = origins.flatMap(({ url, addresses }) => addresses.map((address) => ({ address, url })))
    endpoints = new Map(
      wanted
        .slice(0, addressesMax)
        .map(({ address, url }) => [
          address.host,
          endpoints.get(address.host) ??
            createEndpoint({ ...options, url: address, host: url.host, isAlone, onFault }),
        ]),
    )
    list = [...endpoints.values()]
    for (const endpoint of before) if (!list.includes(endpoint)) endpoint.retire()
    checkReadiness()
  }

  function isAlone(): boolean {
    return list.length === 1
  }

  function checkReadiness(): void {
    if (!isAlone()) for (const endpoint of list) endpoint.checkReadiness()
  }

  function resolveAll(): void {
    resolvedAtMs = clock.now()
    for (const origin of origins) if (isNamed(origin.url)) void resolveOne(origin)
  }

  /** While a name cannot be resolved, its addresses remain. */
  async function resolveOne(origin: Origin): Promise<void> {
    if (origin.isResolving) return
    origin.isResolving = true
    const found = await addressesOf(origin.url, resolve).catch(() => origin.addresses)
    origin.isResolving = false
    const isChanged =
      found.length !== origin.addresses.length || found.some(({ host }) => !endpoints.has(host))
    origin.addresses = found
    if (isChanged) update()
  }

  /** The address may be that of a process that has moved. */
  function onFault(): void {
    const elapsedMs = clock.now() - resolvedAtMs
    if (elapsedMs < 0 || elapsedMs >= limits.resolveIntervalMinMs) resolveAll()
  }

  return {
    /** The address for a request, and for its second attempt once one has failed; undefined while every circuit is open. */
    next(failed?: Endpoint): Endpoint | undefined {
      return balancer.choose(list, failed)
    },
    list: () => list,
    /** The state of the service: closed while any of its addresses may be called. */
    state(): CircuitState {
      const states = list.map(({ circuit }) => circuit.state())
      return (['closed', 'half-open', 'open'] as const).find((state) => states.includes(state)) ?? 'closed'
    },
    retryAfterMs: () => Math.min(...list.map(({ circuit }) => circuit.retryAfterMs())),
    close(): void {
      for (const stop of stopTimers) stop()
      for (const endpoint of list) endpoint.close()
    },
  }
}
