import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createLinkedList } from '../../concurrency/index.ts'
import type { Linked, LinkedList } from '../../concurrency/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { isTrustedPeer, networkOf } from '../../guard/index.ts'
import { boundedConnection } from './bounded-connection.ts'
import type { Bounded } from './bounded-connection.ts'

export type ConnectionLimits = {
  /** The connections of the whole process, and with them the streams of HTTP/2. */
  readonly max: number
  /** The share of them that one client network may have; trusted proxies have no limit of their own. */
  readonly clientSharePercent: number
}

export const defaultConnectionLimits: ConnectionLimits = { max: 10_000, clientSharePercent: 50 }

/** The share of the descriptors left at the start that connections may take; the rest is for connections to other servers and for files. */
const descriptorsPercent = 40
const warningIntervalMs = 60_000

/** A connection or a stream in the order in which it is to be closed. */
interface Member extends Linked<Member> {
  readonly bounded: Bounded
  readonly network: string
  /** The bytes that had passed when it was last considered; -1 before. */
  passed: number
}

/** Those on which nothing has been sent to the client yet are closed first. One is moved to the others when it is considered. */
type MembersOfNetwork = {
  readonly untried: LinkedList<Member>
  readonly served: LinkedList<Member>
}

/** Those of all servers of the process, since they share its descriptors, by client network. */
const networks = new Map<string, MembersOfNetwork>()
let count = 0
/** How many connections the limit of descriptors admits, and how many descriptors are in use when there are that many. */
let descriptorBound = { connections: Number.POSITIVE_INFINITY, used: Number.POSITIVE_INFINITY }

/** Admits a stream of HTTP/2 on a connection, and gives what is to be called when it is over; undefined where it is refused. */
export type AdmitStream = (socket: Socket, bounded: Bounded) => (() => void) | undefined

/**
 * Bounds the connections of a server, and the streams of HTTP/2 on them. A new one beyond the bound takes the place of the one that has
 * waited for its client longest, of the network that has most of them, or is closed itself where all are being served. So no client uses
 * up the descriptors of the process, which other connections and files need as well.
 */
export function boundConnections(
  server: Server,
  { max, clientSharePercent }: ConnectionLimits,
  { pino }: Logger,
): AdmitStream {
  let warnedAtMs = Number.NEGATIVE_INFINITY

  function warn(fields: object): void {
    const now = performance.now()
    if (now - warnedAtMs < warningIntervalMs) return
    warnedAtMs = now
    pino.warn({ connections: count, ...fields }, 'connections are closed, since there are too many')
  }

  /** `descriptor` is that of a new connection; -1 for a stream, which has none. Undefined where there is no place. */
  function admit(socket: Socket, bounded: Bounded, descriptor: number): Member | undefined {
    const isTrusted = isTrustedPeer(server, socket)
    const network = isTrusted ? 'trusted' : networkOf(socket.remoteAddress)
    const own = networks.get(network)
    const connectionsMax = Math.min(max, descriptorBound.connections)
    const shareMax = Math.max(1, Math.floor((connectionsMax * clientSharePercent) / 100))
    const isShareUsed = !isTrusted && own !== undefined && sizeOf(own) >= shareMax
    const excess = Math.max(
      isShareUsed ? 1 : 0,
      count + 1 - connectionsMax,
      descriptor + 1 - descriptorBound.used,
    )
    for (let left = excess; left > 0; left -= 1) {
      warn({ network })
      if (isShareUsed ? closeOneOf(own) : closeOne()) continue
      // What is left for other uses may be used for a connection that replaces none, but not all of it.
      return undefined
    }
    return add(bounded, network)
  }

  server.prependListener('connection', (socket) => {
    const member = admit(socket, boundedConnection(server, socket), descriptorOf(socket))
    if (member === undefined) socket.destroy()
    else socket.once('close', () => remove(member))
  })
  server.on('listening', () => {
    descriptorBound = boundByDescriptors(server)
  })
  // Without a listener, a connection that cannot be accepted would end the process.
  server.on('error', (err) => warn({ err }))
  return (socket, bounded) => {
    const member = admit(socket, bounded, -1)
    return member && (() => remove(member))
  }
}

function add(bounded: Bounded, network: string): Member {
  const member: Member = { bounded, network, passed: -1 }
  const own = networks.get(network) ?? { untried: createLinkedList(), served: createLinkedList() }
  networks.set(network, own)
  own.untried.add(member)
  count += 1
  return member
}

function remove(member: Member): void {
  const { list, network } = member
  if (list?.remove(member) !== true) return
  count -= 1
  if (sizeOf(networks.get(network)) === 0) networks.delete(network)
}

function sizeOf(own: MembersOfNetwork | undefined): number {
  return own === undefined ? 0 : own.untried.size() + own.served.size()
}

/** Closes one of the network that has most, or of any other if none of them waits for its client. */
function closeOne(): boolean {
  let most: MembersOfNetwork | undefined
  for (const own of networks.values()) if (sizeOf(own) > sizeOf(most)) most = own
  if (most !== undefined && closeOneOf(most)) return true
  return [...networks.values()].some((own) => own !== most && closeOneOf(own))
}

function closeOneOf({ untried, served }: MembersOfNetwork): boolean {
  return closeFirst(untried, served) || closeFirst(served, served)
}

/**
 * Closes the first of a list that waits for its client. One on which bytes have passed since it was last considered gets a second
 * chance, and one to which something was sent goes to the list of those.
 */
function closeFirst(list: LinkedList<Member>, served: LinkedList<Member>): boolean {
  for (let left = 2 * list.size(); left > 0; left -= 1) {
    const first = list.first()
    if (first === undefined) return false
    const { bounded } = first
    const passed = bounded.passedBytes()
    if (passed === first.passed && bounded.waitsForClient()) {
      remove(first)
      bounded.close()
      return true
    }
    first.passed = passed
    list.remove(first)
    if (bounded.isServed()) served.add(first)
    else list.add(first)
  }
  return false
}

/**
 * The number of the descriptor of a socket or server, -1 where the system has none. It is the lowest that was free (POSIX, 2.6), so that
 * all below it are in use.
 */
function descriptorOf(holder: Socket | Server): number {
  const fd: unknown = Reflect.get(Object(Reflect.get(holder, '_handle')), 'fd')
  return typeof fd === 'number' ? fd : -1
}

function boundByDescriptors(server: Server): typeof descriptorBound {
  const atStart = descriptorOf(server) + 1
  const connections = Math.floor(((descriptorLimit() - atStart) * descriptorsPercent) / 100)
  return { connections, used: atStart + connections }
}

/** The limit of open files of this process; Node has raised it as far as it may. */
function descriptorLimit(): number {
  if (process.platform === 'win32') return Number.POSITIVE_INFINITY
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    const { userLimits } = Object(process.report.getReport())
    const { soft } = Object(userLimits?.open_files)
    return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
  }
}
