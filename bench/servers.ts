import type { ChildProcess } from 'node:child_process'
import type { Core } from './pinning.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pinned } from './pinning.ts'

/** How to start one process of a row. */
export type ServerProcess = {
  script: string
  args?: string[]
  /** The settings that each take a free port; the load goes to the first. */
  ports: [string, ...string[]]
  /** The setting that takes the address of the process started before this one. */
  upstream?: string
  settings?: Record<string, string>
  /** Makes what the process stands on, and gives the settings that lead there. */
  prepare?(): Promise<Record<string, string>>
  core: Core
}

/** Running processes, and the address of the last. `readyMs` is from its start until it first said that it is ready. */
export type Server = {
  url: string
  pids: number[]
  readyMs: number
  dropLogs(): void
  close(): Promise<void>
}

export type ServerOptions = { directory: string; nodeFlags?: string[] }

type Launched = { url: string; child: ChildProcess; readyMs: number; log: string }

const host = '127.0.0.1'
const projectRoot = join(import.meta.dirname, '..')
const readyMsMax = 10_000
const pollMs = 5
const closeMsMax = 10_000
const logTailLines = 8

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts the processes one after another, each once the one before is ready; all of them or none. */
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
    dropLogs: () => {
      for (const { log } of launched) truncateSync(log)
    },
    close: () => stopAll(launched),
  }
}

/** What `npm start` gives to Node: without it, the nursery of the heap alone grows to 60 MB. The floors get it too. */
const npmStartFlags = ['--max-semi-space-size=8']

/** The log goes to a file, as it would in production: a discarded log would cost less than a kept one. */
async function launch(spec: ServerProcess, options: ServerOptions, upstreamUrl = ''): Promise<Launched> {
  const directory = mkdtempSync(join(options.directory, 'server-'))
  const log = join(directory, 'log')
  const ports = await Promise.all(spec.ports.map(freePort))
  const url = `http://${host}:${ports[0]}`
  const prepared = await spec.prepare?.()
  const startedAt = performance.now()
  const child = spawnProcess(spec, options.nodeFlags ?? [], log, {
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
  return { url, child, log, readyMs: performance.now() - startedAt }
}

function spawnProcess(
  spec: ServerProcess,
  nodeFlags: string[],
  log: string,
  env: Record<string, string>,
): ChildProcess {
  const [command, args] = pinned(spec.core, process.execPath, [
    ...npmStartFlags,
    ...nodeFlags,
    join(projectRoot, spec.script),
    ...(spec.args ?? []),
  ])
  const output = openSync(log, 'a')
  // Nothing of the caller's environment but the path goes along, so that a setting of theirs cannot change a figure.
  const settings = {
    PATH: process.env.PATH,
    HOST: host,
    LOG_LEVEL: 'info',
    RATE_LIMIT: 'off',
    ...spec.settings,
    ...env,
  }
  const child = spawn(command, args, { cwd: projectRoot, env: settings, stdio: ['ignore', output, output] })
  closeSync(output)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

async function untilReady(url: string, child: ChildProcess, log: string): Promise<void> {
  const givenUpAt = performance.now() + readyMsMax
  while (!(await isReady(url))) {
    if (!running.has(child)) throw new Error(`It ended instead of starting: ${tail(log)}`)
    if (performance.now() > givenUpAt)
      throw new Error(`It was not ready within ${readyMsMax} ms: ${tail(log)}`)
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

/** Asks to end, which also makes a profiled process write its profile, and insists after a while. */
async function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const insist = globalThis.setTimeout(() => child.kill('SIGKILL'), closeMsMax)
  await ended
  clearTimeout(insist)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('The machine gave no free port.')
  return address.port
}

/** The end of a log without the frames of stack traces. */
function tail(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  return lines
    .filter((line) => !/^\s+at /.test(line))
    .slice(-logTailLines)
    .join('\n')
}
