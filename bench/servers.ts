import type { ChildProcess } from 'node:child_process'
import type { Checkout } from './checkout.ts'
import type { Core } from './pinning.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { isAbsolute, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { workingTree } from './checkout.ts'
import { killOnExit } from './kill-on-exit.ts'
import { pinned } from './pinning.ts'

/** How to start one process of a row. */
export type ServerProcess = {
  /** Relative to the checkout under test; absolute for a server of the benchmark itself. */
  script: string
  args?: string[]
  /** Settings that each get a free port; the load goes to the first. */
  ports: [string, ...string[]]
  /** The setting that gets the URL of the process started before this one. */
  upstream?: string
  settings?: Record<string, string>
  /** Creates what the process depends on, and returns the settings that point to it. */
  prepare?(checkout: Checkout): Promise<Record<string, string>>
  core: Core
}

/** Running processes, and the URL of the last one. `readyMs` is the time from its start until it reported ready. */
export type Server = {
  url: string
  pids: number[]
  readyMs: number
  truncateLogs(): void
  close(): Promise<void>
}

/** `checkout` is the working tree by default. */
export type ServerOptions = { directory: string; checkout?: Checkout; nodeFlags?: string[] }

type Launched = { url: string; child: ChildProcess; readyMs: number; log: string; directory: string }

const host = '127.0.0.1'
const readyMsMax = 60_000
const pollMs = 5
const closeMsMax = 10_000
const logTailLines = 8

/** Starts the processes in order, each when the previous one is ready. If one fails, it stops the others and throws. */
export async function startServer(processes: ServerProcess[], options: ServerOptions): Promise<Server> {
  const launched: Launched[] = []
  try {
    for (const spec of processes) launched.push(await launch(spec, options, launched.at(-1)?.url))
  } catch (error) {
    await stopAll(launched)
    throw error
  }
  return {
    url: launched.at(-1)?.url ?? '',
    readyMs: launched.at(-1)?.readyMs ?? 0,
    pids: launched.flatMap(({ child }) => child.pid ?? []),
    truncateLogs: () => {
      for (const { log } of launched) truncateSync(log)
    },
    async close() {
      await stopAll(launched)
      for (const { directory } of launched) rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Writes the log to a file, as in production: discarding it would cost less. */
async function launch(spec: ServerProcess, options: ServerOptions, upstreamUrl = ''): Promise<Launched> {
  const directory = mkdtempSync(join(options.directory, 'server-'))
  const log = join(directory, 'log')
  const ports = await Promise.all(spec.ports.map(freePort))
  const url = `http://${host}:${ports[0]}`
  const checkout = isAbsolute(spec.script) ? workingTree : (options.checkout ?? workingTree)
  const prepared = await spec.prepare?.(options.checkout ?? workingTree)
  const startedAt = performance.now()
  const child = spawnProcess(spec, checkout, options.nodeFlags ?? [], log, {
    ...Object.fromEntries(spec.ports.map((setting, index) => [setting, `${ports[index]}`])),
    ...(spec.upstream === undefined ? {} : { [spec.upstream]: upstreamUrl }),
    DATA_DIR: join(directory, 'data'),
    ...prepared,
  })
  try {
    await untilReady(url, child, log)
  } catch (error) {
    await stop(child)
    throw error
  }
  return { url, child, log, directory, readyMs: performance.now() - startedAt }
}

function spawnProcess(
  spec: ServerProcess,
  checkout: Checkout,
  nodeFlags: string[],
  log: string,
  env: Record<string, string>,
): ChildProcess {
  const [command, args] = pinned(spec.core, checkout.node, [
    ...checkout.nodeFlags,
    ...nodeFlags,
    spec.script,
    ...(spec.args ?? []),
  ])
  const output = openSync(log, 'a')
  // Passes only PATH on from the environment, so that a setting of the caller cannot change a figure.
  const settings = {
    PATH: process.env.PATH,
    HOST: host,
    LOG_LEVEL: 'info',
    RATE_LIMIT: 'off',
    ...spec.settings,
    ...env,
  }
  const child = spawn(command, args, {
    cwd: checkout.directory,
    env: settings,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  killOnExit(child)
  return child
}

async function untilReady(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + readyMsMax
  while (!(await isReady(url))) {
    if (hasExited(child)) throw new Error(`The server exited during its start: ${tail(log)}`)
    if (performance.now() > deadline)
      throw new Error(`The server was not ready within ${readyMsMax} ms: ${tail(log)}`)
    await setTimeout(pollMs)
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`)
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

async function stopAll(launched: Launched[]): Promise<void> {
  await Promise.all(launched.map(({ child }) => stop(child)))
}

/** SIGTERM, which also makes a profiled process write its profile; SIGKILL after `closeMsMax`. */
async function stop(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), closeMsMax)
  await exited
  clearTimeout(timer)
}

function hasExited({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('No free port was found.')
  return address.port
}

/** The last lines of a log without stack frames. */
function tail(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  return lines
    .filter((line) => !/^\s+at /.test(line))
    .slice(-logTailLines)
    .join('\n')
}
