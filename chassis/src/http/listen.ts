import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { App } from './app-options.ts'

/** Where a service is to listen; port 0 is any free one. */
export type Address = { readonly host: string; readonly port: number }

/**
 * Listens, and gives the address with the actual port where the port was 0. A name is resolved here, since for `localhost` the
 * framework would open a second server, without what this one was given.
 */
export async function listen(app: App, { host, port }: Address): Promise<string> {
  await app.listen({ host: (await lookup(host)).address, port })
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}

/**
 * A sentence for each service that cannot listen on its address. An address that several have is tried for the first of them only,
 * since they are in each other's way.
 */
export async function addressFaults(
  addresses: readonly (Address & { readonly service: string })[],
): Promise<string[]> {
  const isFirst = ({ host, port }: Address, index: number) =>
    addresses.findIndex((other) => other.host === host && other.port === port) === index
  const faults = await Promise.all(
    addresses.filter(isFirst).map(async ({ service, ...address }) => {
      try {
        await listenOnce(address)
        return undefined
      } catch (error) {
        return faultOf(error, service, address)
      }
    }),
  )
  return [...new Set(faults.filter((fault) => fault !== undefined))]
}

async function listenOnce({ host, port }: Address): Promise<void> {
  const server = createServer().listen({ host: (await lookup(host)).address, port, exclusive: true })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}

/** The setting with the port that a service listens on. */
export function portSettingOf(service: string): string {
  return `${service.toUpperCase()}_PORT`
}

/** A sentence with the setting to change; any other error is thrown again. */
function faultOf(error: unknown, service: string, { host, port }: Address): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const setting = portSettingOf(service)
  const subject = `${service} cannot listen on ${host}, port ${port}`
  if (code === 'EADDRINUSE')
    return `${subject}: another program does. Stop that program, or set ${setting} to another port.`
  if (code === 'EACCES')
    return `${subject}: this user may not. Set ${setting} to a port from 1024 on, or start it with more rights.`
  if (code === 'EADDRNOTAVAIL') return `HOST is ${host}, but this machine has no such address.`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `HOST is ${host}, but there is no such host.`
  throw error
}
