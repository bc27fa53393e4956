import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

type Address = { readonly address: string; readonly family: number }
export type Resolve = (hostname: string) => Promise<readonly Address[]>

/** All addresses of a name, as the system knows them. */
export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true })

/** How many addresses of one service are used. */
export const addressesMax = 64

/** The host of a URL as a name or an address, without the brackets of IPv6. */
function hostnameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** Whether the host of a URL is a name, whose addresses may change. */
export function isNamed(url: URL): boolean {
  return isIP(hostnameOf(url)) === 0
}

/**
 * The addresses to connect to for a URL. A name with one address, or with one of each family, stays the name: connecting
 * tries both (RFC 8305). Rejects when the name cannot be resolved.
 */
export async function addressesOf(url: URL, resolve: Resolve): Promise<readonly URL[]> {
  const found = await resolve(hostnameOf(url))
  const families = new Set(found.map(({ family }) => family))
  if (found.length <= families.size) return [url]
  return found.slice(0, addressesMax).map(({ address }) => withHostname(url, address))
}

function withHostname(url: URL, address: string): URL {
  const there = new URL(url)
  there.hostname = isIP(address) === 6 ? `[${address}]` : address
  return there
}
