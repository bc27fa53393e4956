import { isIP } from 'node:net'
import { addressesOf, hostnameOf, systemResolve } from './addresses.ts'
import type { Resolve } from './addresses.ts'
import type { CircuitState } from './circuit.ts'
import { createEndpoint } from './endpoint.ts'
import type { Endpoint, EndpointOptions } from './endpoint.ts'

const resolveIntervalMs = 10_000

type EndpointsOptions = Omit<EndpointOptions, 'host'> & { readonly resolve?: Resolve | undefined }

/** The addresses of one service, used in turn. Those whose circuit is not closed are left out. */
export function createEndpoints({ url, resolve = systemResolve, ...options }: EndpointsOptions) {
  let endpoints = new Map<string, Endpoint>([[url.host, open(url)]])
  let list = [...endpoints.values()]
  let turn = 0
  const timer = isIP(hostnameOf(url)) === 0 ? startRefreshing() : undefined

  function startRefreshing(): NodeJS.Timeout {
    void refresh()
    return setInterval(refresh, resolveIntervalMs).unref()
  }

  function open(address: URL): Endpoint {
    return createEndpoint({ ...options, url: address, host: url.host })
  }

  /** Addresses that remain keep their circuits, and all of them while the name cannot be resolved. */
  async function refresh(): Promise<void> {
    const addresses = await addressesOf(url, resolve).catch(() => undefined)
    if (addresses === undefined) return
    if (addresses.length === endpoints.size && addresses.every(({ host }) => endpoints.has(host))) return
    endpoints = new Map(
      addresses.map((address) => [address.host, endpoints.get(address.host) ?? open(address)]),
    )
    for (const endpoint of list)
      if (!addresses.some(({ host }) => endpoint === endpoints.get(host))) endpoint.retire()
    list = [...endpoints.values()]
  }

  return {
    /** The next address that may be called; undefined while every circuit is open. */
    next(): Endpoint | undefined {
      for (let tries = 0; tries < list.length; tries += 1) {
        turn = (turn + 1) % list.length
        const endpoint = list[turn]
        if (endpoint?.circuit.state() === 'closed') return endpoint
      }
      return undefined
    },
    /** The state of the service: closed while any of its addresses may be called. */
    state(): CircuitState {
      const states = list.map(({ circuit }) => circuit.state())
      return (['closed', 'half-open', 'open'] as const).find((state) => states.includes(state)) ?? 'closed'
    },
    retryAfterMs: () => Math.min(...list.map(({ circuit }) => circuit.retryAfterMs())),
    close(): void {
      clearInterval(timer)
      for (const endpoint of list) endpoint.close()
    },
  }
}
