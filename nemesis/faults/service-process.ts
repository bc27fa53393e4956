import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '@quintet/chassis/testing/sockets'
import { portSetting, urlSetting } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'

export type Environment = Readonly<Record<string, string>>

/** A service in a process of its own, which keeps its address. */
export type ServiceProcess = {
  readonly name: ServiceName
  readonly url: string
  kill(): Promise<void>
  /** Sends SIGTERM; rejects if it has not ended within the time that is promised, and what a busy machine adds. */
  terminate(): Promise<void>
  /** Starts it again after it has ended, and waits until it listens. */
  restart(): Promise<void>
  /** Suspends it: the kernel still accepts connections for it. */
  pause(): void
  resume(): void
  /** The id of its process at present. */
  id(): number
  /** What it printed before it ended without having been killed here; undefined if that never happened. */
  crash(): string | undefined
}

const crashTextMax = 2_000
const terminateMsMax = 10_000 + 2_000
const root = new URL('../..', import.meta.url).pathname
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a service; it ends with this process at the latest. */
export async function startService(name: ServiceName, environment: Environment): Promise<ServiceProcess> {
  const port = await freePort()
  const settings = { LOG_LEVEL: 'warn', ...environment, [portSetting(name)]: String(port) }
  let isKilled = false
  let crash: string | undefined
  const start = async () => {
    isKilled = false
    const launched = await launch(['start', name], settings, new RegExp(`^${name} +http://`, 'm'))
    launched.child.once('exit', (code, signal) => {
      if (!isKilled)
        crash ??= `${name} ended with ${code ?? signal}: ${launched.printed().slice(-crashTextMax)}`
    })
    return launched.child
  }
  let child = await start()
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    async kill() {
      isKilled = true
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async terminate() {
      isKilled = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit', { signal: AbortSignal.timeout(terminateMsMax) })
      child.kill('SIGTERM')
      await exited.catch(() => {
        throw new Error(`${name} has not ended ${terminateMsMax / 1_000} s after SIGTERM.`)
      })
    },
    async restart() {
      child = await start()
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    id: () => child.pid ?? 0,
    crash: () => crash,
  }
}

/** Starts the gateway in front of a service. */
export function startGatewayOf(service: ServiceProcess, environment: Environment): Promise<ServiceProcess> {
  return startService('gateway', { ...environment, [urlSetting(service.name)]: service.url })
}

/** Runs `quintet migrate up`. */
export async function migrate(service: ServiceName, environment: Environment): Promise<void> {
  const { child } = await launch(['migrate', 'up', service], environment, /./)
  if (child.exitCode === null) await once(child, 'exit')
  if (child.exitCode !== 0) throw new Error(`quintet migrate up ${service} ended with ${child.exitCode}.`)
}

/** Runs a command of `quintet` until it has printed what is expected; rejects with what it printed if it ends before. */
async function launch(words: readonly string[], environment: Environment, expected: RegExp) {
  const child = spawn(process.execPath, ['quintet.ts', ...words], {
    cwd: root,
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let printed = ''
  const ready = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      printed = (printed + String(bytes)).slice(-10_000)
      if (expected.test(printed)) ready.resolve()
    })
  child.once('exit', () => ready.reject(new Error(`quintet ${words.join(' ')} ended: ${printed}`)))
  await ready.promise
  return { child, printed: () => printed }
}
