import { BlockList, isIP } from 'node:net'
import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/**
 * The addresses and subnets of a list such as `10.0.0.0/8, ::1`, none for `none`; undefined if it is not one. A BlockList is
 * Node's set of addresses; here it is one of those that are trusted.
 */
export function parseTrustedProxies(text: string): BlockList | undefined {
  const proxies = new BlockList()
  if (text === 'none') return proxies
  for (const entry of text.split(',')) {
    const [address = '', prefix, ...rest] = entry.trim().split('/')
    const version = isIP(address)
    if (version === 0 || rest.length > 0 || !isPrefix(prefix, version)) return undefined
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(prefix), family)
  }
  return proxies
}

function isPrefix(prefix: string | undefined, version: number): boolean {
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

Format.Set('trusted-proxies', (text) => parseTrustedProxies(text) !== undefined)

/** The setting of the proxies whose X-Forwarded-For is used. */
export function trustedProxies(defaultList: string): TString {
  return Type.String({
    default: defaultList,
    format: 'trusted-proxies',
    description: 'The proxies whose X-Forwarded-For is used: addresses and subnets, or none.',
    expected: 'a list like 10.0.0.0/8, 2001:db8::/32, or none',
  })
}
