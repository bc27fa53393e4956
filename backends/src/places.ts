import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Engine, Place, Ports } from './engine.ts'

const root = new URL('../data', import.meta.url).pathname
const othersMayEnter = 0o001

/** The folder and ports of the shared instance, which are the same for every command. */
export function sharedPlace({ name, ports }: Engine): Place {
  return { folder: join(dataFolder(), name), tools: toolsFolder(), ports }
}

/** A new folder and free ports, for a private instance. */
export async function privatePlace(engine: Engine): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), `quintet-${engine.name}-`))
  return { folder, tools: toolsFolder(), ports: await freePorts(engine.ports) }
}

/**
 * The folder for data: in the project; or, for root in a project folder that other users cannot enter, a temporary folder
 * named after it, since as root the engines run as the users of their packages.
 */
export function dataFolder(): string {
  if (process.getuid?.() !== 0 || isAccessibleToAll(root)) return root
  const digest = createHash('sha256').update(root).digest('hex').slice(0, 12)
  return join(tmpdir(), `quintet-backends-${digest}`)
}

/** The folder for programs that no package has, which all instances share. */
export function toolsFolder(): string {
  return join(root, 'tools')
}

/** Creates a folder that all users can enter; the data folders in it are restricted to their own users. */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
}

/** Removes a folder, and its parent if that is empty afterwards. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  const parent = dirname(folder)
  if (existsSync(parent) && readdirSync(parent).length === 0) rmSync(parent, { recursive: true })
}

function isAccessibleToAll(path: string): boolean {
  const open = !existsSync(path) || (statSync(path).mode & othersMayEnter) !== 0
  return open && (path === dirname(path) || isAccessibleToAll(dirname(path)))
}

async function freePorts([, ...others]: Ports): Promise<Ports> {
  const first = await listenOnFreePort()
  const rest = await Promise.all(others.map(listenOnFreePort))
  for (const { server } of [first, ...rest]) server.close()
  return [first.port, ...rest.map(({ port }) => port)]
}

function listenOnFreePort(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 })
    })
  })
}
