import type { BlockList, Socket } from 'node:net'
import { isIPv4, isIPv6 } from 'node:net'
import type { IncomingMessage, Server } from 'node:http'
import { parseTrustedProxies } from '../config/index.ts'

/** The proxies that each server trusts. */
const proxiesOf = new WeakMap<Server, BlockList>()

/** Sets the proxies that a server trusts; `list` is the text of the setting `TRUSTED_PROXIES`. */
export function trustProxies(server: Server, list: string): void {
  const proxies = parseTrustedProxies(list)
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
  const peer = peerAddressOf(raw)
  const proxies = proxiesOf.get(server.server)
  const forwardedFor = raw.headers['x-forwarded-for']
  if (proxies === undefined || typeof forwardedFor !== 'string' || !isTrusted(proxies, peer)) return peer
  return lastUntrusted(proxies, forwardedFor, peer)
}

/** The network that counts as one client: its address; of IPv6 the first 64 bits, since a client is given that many addresses. */
export function clientNetworkOf(request: Incoming): string {
  return networkOfAddress(clientAddressOf(request))
}

/** The network of the address of a connection, in the same way. */
export function networkOf(remoteAddress = ''): string {
  return networkOfAddress(peerAddress(remoteAddress))
}

/** Whether the other end of a connection is a proxy that this server trusts. */
export function isTrustedPeer(server: Server, { remoteAddress = '' }: Socket): boolean {
  const proxies = proxiesOf.get(server)
  return proxies !== undefined && isTrusted(proxies, peerAddress(remoteAddress))
}

function networkOfAddress(address: string): string {
  if (!address.includes(':')) return address
  const [head = [], tail = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  const groups = [...head, ...zeros, ...tail].slice(0, 4)
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

/** Whether the request was sent by a trusted proxy, whose forwarding fields are to be kept. */
export function isFromTrustedProxy({ raw, server }: Incoming): boolean {
  const proxies = proxiesOf.get(server.server)
  return proxies !== undefined && isTrusted(proxies, peerAddressOf(raw))
}

/** The address at the other end of the connection. */
export function peerAddressOf({ socket }: IncomingMessage): string {
  return peerAddress(socket.remoteAddress ?? '')
}

/** A cache: clients send many requests, and a look-up costs a fraction of the expressions of `addressIn`. */
const knownPeers = new Map<string, string>()
const knownPeersMax = 1_000

function peerAddress(text: string): string {
  const known = knownPeers.get(text)
  if (known !== undefined) return known
  const address = addressIn(text) ?? 'unknown'
  if (knownPeers.size >= knownPeersMax) knownPeers.clear()
  knownPeers.set(text, address)
  return address
}

function lastUntrusted(proxies: BlockList, forwardedFor: string, peer: string): string {
  let client = peer
  for (const entry of forwardedFor.split(',').reverse()) {
    const address = addressIn(entry.trim())
    if (address === undefined) return client
    client = address
    if (!isTrusted(proxies, client)) return client
  }
  return client
}

function isTrusted(proxies: BlockList, address: string): boolean {
  return isIPv4(address) ? proxies.check(address) : isIPv6(address) && proxies.check(address, 'ipv6')
}

/** The address in `address`, `address:port`, `[address]` or `[address]:port`; an IPv4 address mapped into IPv6 is one of IPv4, and zones are dropped. */
function addressIn(text: string): string | undefined {
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  const address = /^::ffff:([\d.]+)$/i.exec(bare)?.[1] ?? bare.replace(/%.*$/s, '')
  return isIPv4(address) || isIPv6(address) ? address : undefined
}
