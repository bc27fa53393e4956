import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createLinkedList } from '../../concurrency/index.ts'
import type { Linked, LinkedList } from '../../concurrency/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { isTrustedPeer, networkOf } from '../../guard/index.ts'
import { incompleteRequestOf, responseOf } from './exchanges.ts'

export type ConnectionLimits = {
  /** The connections of the whole process. */
  readonly max: number
  /** The share of them that one client network may have; trusted proxies have no limit of their own. */
  readonly clientSharePercent: number
}

export const defaultConnectionLimits: ConnectionLimits = { max: 10_000, clientSharePercent: 50 }

/** The share of the descriptors left at the start that connections may take; the rest is for connections to other servers and for files. */
const descriptorsPercent = 40
const warningIntervalMs = 60_000

/** A connection in the order in which it is to be closed. */
interface Connection extends Linked<Connection> {
  readonly socket: Socket
  readonly network: string
  /** The bytes that had passed when it was last considered; -1 before. */
  passed: number
}

/** Those on which nothing has been sent to the client yet are closed first. One is moved to the others when it is considered. */
type ConnectionsOfNetwork = {
  readonly untried: LinkedList<Connection>
  readonly served: LinkedList<Connection>
}

/** Those of all servers of the process, since they share its descriptors, by client network. */
const networks = new Map<string, ConnectionsOfNetwork>()
let count = 0
/** How many connections the limit of descriptors admits, and how many descriptors are in use when there are that many. */
let descriptorBound = { connections: Number.POSITIVE_INFINITY, used: Number.POSITIVE_INFINITY }

/**
 * Bounds the connections of a server. A new one beyond the bound takes the place of the one that has waited for its client longest,
 * of the network that has most of them, or is closed itself where all are being served. So no client uses up the descriptors of the
 * process, which other connections and files need as well.
 */
export function boundConnections(
  server: Server,
  { max, clientSharePercent }: ConnectionLimits,
  { pino }: Logger,
): void {
  let warnedAtMs = Number.NEGATIVE_INFINITY

  function warn(fields: object): void {
    const now = performance.now()
    if (now - warnedAtMs < warningIntervalMs) return
    warnedAtMs = now
    pino.warn({ connections: count, ...fields }, 'connections are closed, since there are too many')
  }

  function admit(socket: Socket): void {
    const isTrusted = isTrustedPeer(server, socket)
    const network = isTrusted ? 'trusted' : networkOf(socket.remoteAddress)
    const own = networks.get(network)
    const connectionsMax = Math.min(max, descriptorBound.connections)
    const shareMax = Math.max(1, Math.floor((connectionsMax * clientSharePercent) / 100))
    const isShareUsed = !isTrusted && own !== undefined && sizeOf(own) >= shareMax
    const excess = Math.max(
      isShareUsed ? 1 : 0,
      count + 1 - connectionsMax,
      descriptorOf(socket) + 1 - descriptorBound.used,
    )
    for (let left = excess; left > 0; left -= 1) {
      warn({ network })
      if (isShareUsed ? closeOneOf(own) : closeOne()) continue
      // What is left for other uses may be used for a connection that replaces none, but not all of it.
      socket.destroy()
      return
    }
    add(socket, network)
  }

  server.prependListener('connection', admit)
  server.on('listening', () => {
    descriptorBound = boundByDescriptors(server)
  })
  // Without a listener, a connection that cannot be accepted would end the process.
  server.on('error', (err) => warn({ err }))
}

function add(socket: Socket, network: string): void {
  const connection: Connection = { socket, network, passed: -1 }
  const own = networks.get(network) ?? { untried: createLinkedList(), served: createLinkedList() }
  networks.set(network, own)
  own.untried.add(connection)
  count += 1
  socket.once('close', () => remove(connection))
}

function remove(connection: Connection): void {
  const { list, network } = connection
  if (list?.remove(connection) !== true) return
  count -= 1
  if (sizeOf(networks.get(network)) === 0) networks.delete(network)
}

function sizeOf(own: ConnectionsOfNetwork | undefined): number {
  return own === undefined ? 0 : own.untried.size() + own.served.size()
}

/** Closes one of the network that has most, or of any other if none of them waits for its client. */
function closeOne(): boolean {
  let most: ConnectionsOfNetwork | undefined
  for (const own of networks.values()) if (sizeOf(own) > sizeOf(most)) most = own
  if (most !== undefined && closeOneOf(most)) return true
  return [...networks.values()].some((own) => own !== most && closeOneOf(own))
}

function closeOneOf({ untried, served }: ConnectionsOfNetwork): boolean {
  return closeFirst(untried, served) || closeFirst(served, served)
}

/**
 * Closes the first of a list that waits for its client. One on which bytes have passed since it was last considered gets a second
 * chance, and one to which something was sent goes to the list of those.
 */
function closeFirst(list: LinkedList<Connection>, served: LinkedList<Connection>): boolean {
  for (let left = 2 * list.size(); left > 0; left -= 1) {
    const first = list.first()
    if (first === undefined) return false
    const { socket } = first
    const passed = socket.bytesRead + socket.bytesWritten - socket.writableLength
    if (passed === first.passed && waitsForClient(socket)) {
      remove(first)
      socket.destroy()
      return true
    }
    first.passed = passed
    list.remove(first)
    if (socket.bytesWritten > 0) served.add(first)
    else list.add(first)
  }
  return false
}

/** Whether it is the client's turn to send or to read. */
function waitsForClient(socket: Socket): boolean {
  return (
    responseOf(socket) === undefined || incompleteRequestOf(socket) !== undefined || socket.writableLength > 0
  )
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
