import { topology as allServices, upstreamNames } from '@quintet/contracts/topology'
import type { UpstreamName } from '@quintet/contracts/topology'
import type { Upstream } from './upstream.ts'

/** A service behind the gateway. */
export type Service = {
  readonly name: UpstreamName
  /** The paths that the gateway forwards to it, each with everything below it, and what the service calls them. */
  readonly paths: Readonly<Record<string, string>>
  /** The largest body that it accepts, in bytes: a larger one is not forwarded. */
  readonly bodyBytesMax: number
  /** What the scopes of its routes are called before `:read` and `:write`. */
  readonly scopes: string
}

/** A service with the client that reaches it. */
export type Destination = Service & { readonly upstream: Upstream }

export const topology: readonly Service[] = upstreamNames.map((name) => ({
  name,
  paths: allServices[name].paths,
  bodyBytesMax: allServices[name].bodyBytesMax,
  scopes: allServices[name].scopes,
}))

/** The routes of a path: the path itself, and everything below it. */
export function routesOf(path: string): [string, string] {
  return [path, `${path}/*`]
}
