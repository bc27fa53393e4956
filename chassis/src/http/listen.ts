import cluster from 'node:cluster'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import type { App } from './app-options.ts'
import { hasTls } from './connections/bounded-connection.ts'

/** Where a service is to listen; port 0 is any free one. */
export type Address = { readonly host: string; readonly port: number }

/**
 * Where the kernel cannot give several sockets one port (SO_REUSEPORT), the primary of the cluster hands out its connections. One that it
 * has sent to a worker that is killed then stays open without a response.
 */
const canSharePorts = process.platform === 'linux'

/**
 * Listens, and gives the address with the actual port where the port was 0. A name is resolved here, since for `localhost` the
 * framework would open a second server, without what this one was given. `isShared` is whether other workers listen on it as well.
 */
export async function listen(app: App, { host, port }: Address, { isShared = false } = {}): Promise<string> {
  // The framework gives all of these to the server, though its types lack the last one.
  const options = { host: (await lookup(host)).address, port, reusePort: isShared && canSharePorts }
  await app.listen(options)
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
  await app.redirect?.listen({ ...options, port: app.redirect.port }, bound.port)
  const scheme = hasTls(app.server) ? 'https' : 'http'
  return `${scheme}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}

/** A line with the address from which an app that listens at `url` redirects requests; empty where it does not. */
export function redirectLine({ redirect }: App, url: string): string {
  if (redirect === undefined) return ''
  const host = url.slice('https://'.length, url.lastIndexOf(':'))
  const from = `http://${host}:${redirect.boundPort()}`
  return `${'redirect'.padEnd(12)} ${from.padEnd(24)} to ${url}\n`
}

/** What listens for operators, in the place of the name of a service. */
export const operations = 'operations'

/** An address, and whose it is by which settings. */
export type ServiceAddress = Address & {
  readonly service: string
  readonly hostSetting: string
  readonly portSetting: string
}

/**
 * Where a service listens by its settings, one of which may be a host of its own; undefined without a host, or where its port is empty.
 * Without a valid port it is any free one.
 */
export function addressOf(
  service: string,
  values: Readonly<Record<string, unknown>>,
  portSetting = portSettingOf(service),
): ServiceAddress | undefined {
  const { HOST: shared, [portSetting]: port = 0 } = values
  const ownSetting = `${service.toUpperCase()}_HOST`
  const host = values[ownSetting] ?? shared
  if (typeof host !== 'string' || typeof port !== 'number') return undefined
  return { service, host, port, portSetting, hostSetting: host === shared ? 'HOST' : ownSetting }
}

/** Whether there is a port for operations, which then has the metrics of the process. */
export function hasOperationsPort(values: Readonly<Record<string, unknown>>): boolean {
  return addressOf(operations, values) !== undefined
}

/**
 * A sentence for each service that cannot listen on its address. An address that several have is tried for the first of them only,
 * since they are in each other's way. A worker of a cluster does not listen itself, and its primary may hold the ports already.
 */
export async function addressFaults(addresses: readonly ServiceAddress[]): Promise<string[]> {
  if (cluster.isWorker) return []
  const isFirst = ({ host, port }: Address, index: number) =>
    addresses.findIndex((other) => other.host === host && other.port === port) === index
  const faults = await Promise.all(
    addresses.filter(isFirst).map(async (address) => {
      try {
        await listenOnce(address)
        return undefined
      } catch (error) {
        return faultOf(error, address)
      }
    }),
  )
  return [...new Set(faults.filter((fault) => fault !== undefined))]
}

/**
 * Free ports, by setting, for those of these services whose port is 0: otherwise each worker would have another.
 */
export async function chosenPorts(addresses: readonly ServiceAddress[]): Promise<Record<string, string>> {
  const servers = await Promise.all(
    addresses
      .filter(({ port }) => port === 0)
      .map(async (address) => ({ portSetting: address.portSetting, server: await open(address) })),
  )
  const ports = servers.map(({ portSetting, server }) => {
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    return [portSetting, String(port)]
  })
  await Promise.all(servers.map(({ server }) => closed(server)))
  return Object.fromEntries(ports)
}

async function listenOnce(address: Address): Promise<void> {
  await closed(await open(address))
}

async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

async function open({ host, port }: Address): Promise<Server> {
  const server = createServer().listen({ host: (await lookup(host)).address, port, exclusive: true })
  await once(server, 'listening')
  return server
}

/** The setting with the port that a service listens on. */
function portSettingOf(service: string): string {
  return `${service.toUpperCase()}_PORT`
}

/** A sentence with the setting to change; any other error is thrown again. */
function faultOf(error: unknown, { service, host, port, hostSetting, portSetting }: ServiceAddress): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const subject = `${service} cannot listen on ${host}, port ${port}`
  if (code === 'EADDRINUSE')
    return `${subject}: another program does. Stop that program, or set ${portSetting} to another port.`
  if (code === 'EACCES')
    return `${subject}: this user may not. Set ${portSetting} to a port from 1024 on, or start it with more rights.`
  if (code === 'EADDRNOTAVAIL') return `${hostSetting} is ${host}, but this machine has no such address.`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `${hostSetting} is ${host}, but there is no such host.`
  throw error
}
