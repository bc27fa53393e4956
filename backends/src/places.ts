import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Engine, Place, Ports } from './engine.ts'

const root = new URL('../data', import.meta.url).pathname
const mayEnter = 0o001

/** Where the shared instance of an engine lives: every command finds the same one. */
export function sharedPlace({ name, ports }: Engine): Place {
  return { folder: join(dataFolder(), name), tools: toolsFolder(), ports }
}

/** Where one that somebody wants alone lives; the folder is new, the ports were free a moment ago. */
export async function privatePlace(engine: Engine): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), `quintet-${engine.name}-`))
  return { folder, tools: toolsFolder(), ports: await freePorts(engine.ports) }
}

/**
 * Below the project; or, where root works in a folder that is closed to others, in a folder for temporary files that
 * is named after it: the users of the packages, whom root has to become, could not enter the project's.
 */
export function dataFolder(): string {
  if (process.getuid?.() !== 0 || isOpenToAll(root)) return root
  const digest = createHash('sha256').update(root).digest('hex').slice(0, 12)
  return join(tmpdir(), `quintet-backends-${digest}`)
}

/** What no package brings is kept between starts, and all instances use it. */
export function toolsFolder(): string {
  return join(root, 'tools')
}

/** Stores in the folder are their users' alone, but everybody may pass through it. */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
}

/** And the folder that it is in, when that is empty then. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  const parent = dirname(folder)
  if (existsSync(parent) && readdirSync(parent).length === 0) rmSync(parent, { recursive: true })
}

function isOpenToAll(path: string): boolean {
  const open = !existsSync(path) || (statSync(path).mode & mayEnter) !== 0
  return open && (path === dirname(path) || isOpenToAll(dirname(path)))
}

async function freePorts([, ...others]: Ports): Promise<Ports> {
  const first = await hold()
  const rest = await Promise.all(others.map(hold))
  for (const { server } of [first, ...rest]) server.close()
  return [first.port, ...rest.map(({ port }) => port)]
}

function hold(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 })
    })
  })
}
