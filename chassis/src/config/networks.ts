import { BlockList, isIP } from 'node:net'
import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/** The addresses and subnets of a list such as `10.0.0.0/8, ::1`, none for `none`; undefined if it is not one. */
export function parseNetworks(text: string): BlockList | undefined {
  const networks = new BlockList()
  if (text === 'none') return networks
  return text.split(',').every((entry) => addNetwork(networks, entry.trim())) ? networks : undefined
}

/** Adds an address or a subnet to a list, which is Node's set of addresses; false if the text is neither. */
export function addNetwork(networks: BlockList, text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0 || !isPrefix(prefix, version)) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (prefix === undefined) networks.addAddress(address, family)
  else networks.addSubnet(address, Number(prefix), family)
  return true
}

function isPrefix(prefix: string | undefined, version: number): boolean {
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

Format.Set('networks', (text) => parseNetworks(text) !== undefined)

/** The setting of the proxies whose X-Forwarded-For is used. */
export function trustedProxies(defaultList: string): TString {
  return Type.String({
    default: defaultList,
    format: 'networks',
    description: 'The proxies whose X-Forwarded-For is used: addresses and subnets, or none.',
    expected: 'a list like 10.0.0.0/8, 2001:db8::/32, or none',
  })
}
