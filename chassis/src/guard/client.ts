import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import type { BlockList, Socket } from 'node:net'
import type { IncomingMessage, Server } from 'node:http'
import { parseNetworks } from '../config/index.ts'
import type { Client } from './context.ts'
import { putBounded } from './put-bounded.ts'

/** The proxies that each server trusts. */
const proxiesOf = new WeakMap<Server, BlockList>()

/** Sets the proxies that a server trusts; `list` is the text of the setting `TRUSTED_PROXIES`. */
export function trustProxies(server: Server, list: string): void {
  const proxies = parseNetworks(list)
  if (proxies === undefined) throw new TypeError(`"${list}" is not a list of proxies.`)
  if (proxies.rules.length > 0) proxiesOf.set(server, proxies)
}

/** The parts of the framework's request that are used here. */
type Incoming = { readonly raw: IncomingMessage; readonly server: { readonly server: Server } }

/**
 * The IP address of the client: that of the connection or, as far as that is a trusted proxy, the last address of
 * `X-Forwarded-For` that is not one. What a client writes there itself is never taken: a proxy appends to it. No other code reads
 * these fields.
 */
export function clientAddressOf({ raw, server }: Incoming): string {
  return addressOf(raw, server.server)
}

/** The network that counts as one client: its address; of IPv6 the first 64 bits, since a client is given that many addresses. */
export function clientNetworkOf(request: Incoming): string {
  return networkOfAddress(clientAddressOf(request))
}

/** Gives the client of each request of a server, for limits by networks of IPv6 with this many bits. */
export function createClients(server: Server, ipv6Prefix?: number): (request: IncomingMessage) => Client {
  const clients = new Map<string, Client>()
  return (request) => {
    const address = addressOf(request, server)
    const known = clients.get(address)
    if (known !== undefined) return known
    const client = { address, key: networkOfAddress(address, ipv6Prefix) }
    putBounded(clients, address, client)
    return client
  }
}

/** The network of the address of a connection, as of `clientNetworkOf`. */
export function networkOf(remoteAddress = ''): string {
  return networkOfAddress(peerAddress(remoteAddress))
}

/** Whether the other end of a connection is a proxy that this server trusts. */
export function isTrustedPeer(server: Server, { remoteAddress = '' }: Socket): boolean {
  const proxies = proxiesOf.get(server)
  return proxies !== undefined && isListed(proxies, peerAddress(remoteAddress))
}

/** Whether the request was sent by a trusted proxy, whose forwarding fields are to be kept. */
export function isFromTrustedProxy({ raw, server }: Incoming): boolean {
  const proxies = proxiesOf.get(server.server)
  return proxies !== undefined && isListed(proxies, peerAddressOf(raw))
}

/** The address at the other end of the connection. */
export function peerAddressOf({ socket }: Pick<IncomingMessage, 'socket'>): string {
  return peerAddress(socket.remoteAddress ?? '')
}

/** Whether a list has an address as this file gives it. */
export function isListed(networks: BlockList, address: string): boolean {
  return isIPv4(address) ? networks.check(address) : isIPv6(address) && networks.check(address, 'ipv6')
}

function addressOf(request: IncomingMessage, server: Server): string {
  const peer = peerAddressOf(request)
  const proxies = proxiesOf.get(server)
  const forwardedFor = request.headers['x-forwarded-for']
  if (proxies === undefined || typeof forwardedFor !== 'string' || !isListed(proxies, peer)) return peer
  return lastUntrusted(proxies, forwardedFor, peer)
}

/** The prefix of an address of IPv6 with this many bits, as the groups that have some of them; an address of IPv4 as it is. */
function networkOfAddress(address: string, bits = 64): string {
  if (!address.includes(':')) return address
  const groups = groupsOf(address).slice(0, Math.ceil(bits / 16))
  const last = groups.length - 1
  return groups
    .map((group, i) => (i < last || bits % 16 === 0 ? group : group & (0xffff << (16 - (bits % 16)))))
    .map((group) => group.toString(16))
    .join(':')
}

/** The eight numbers of an address of IPv6 as `addressIn` gives it. */
function groupsOf(address: string): number[] {
  const [head = [], tail = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16))
}

/** A cache: clients send many requests, and a look-up costs a fraction of the expressions of `addressIn`. */
const knownPeers = new Map<string, string>()

function peerAddress(text: string): string {
  const known = knownPeers.get(text)
  if (known !== undefined) return known
  const address = addressIn(text) ?? 'unknown'
  putBounded(knownPeers, text, address)
  return address
}

function lastUntrusted(proxies: BlockList, forwardedFor: string, peer: string): string {
  let client = peer
  for (const entry of forwardedFor.split(',').reverse()) {
    const address = addressIn(entry.trim())
    if (address === undefined) return client
    client = address
    if (!isListed(proxies, client)) return client
  }
  return client
}

/**
 * The address in `address`, `address:port`, `[address]` or `[address]:port`. One of IPv4 that is written as one of IPv6 becomes one of
 * IPv4, zones are dropped, and each address of IPv6 has one form (RFC 5952).
 */
function addressIn(text: string): string | undefined {
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  if (isIPv4(bare)) return bare
  const address = bare.replace(/%.*$/s, '')
  if (!isIPv6(address)) return undefined
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address
  return embeddedIPv4(canonical) ?? canonical
}

/** The address of IPv4 that one of IPv6 stands for: mapped or compatible (RFC 4291), or translated by NAT64 (RFC 6052). */
function embeddedIPv4(address: string): string | undefined {
  const [, mapped] = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? []
  if (mapped !== undefined) return mapped
  const [, high = '0', low] = /^64:ff9b::(?:([\da-f]{1,4}):)?([\da-f]{1,4})$/.exec(address) ?? []
  if (low === undefined) return undefined
  return [high, low]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.')
}
