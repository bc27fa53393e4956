import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'

/** Faults of a process by what the kernel gives it. `ids` are those of an engine or a service at the time of the fault. */

const delayMsDefault = 500

/** A reason if `strace` is missing or may not attach to processes. */
export function stallSkipReason(): false | string {
  const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'])
  return status !== 0 && 'strace is not installed, or may not trace processes'
}

/** Each flush to the disk takes so much longer. */
export function stalledDisk(ids: () => readonly number[], delayMs = delayMsDefault): Fault {
  let tracer: ChildProcess | undefined
  return fault(
    'disk stall',
    async () => {
      tracer = await attach(ids(), delayMs)
    },
    async () => {
      if (tracer === undefined || tracer.exitCode !== null) return
      const exited = once(tracer, 'exit')
      tracer.kill('SIGTERM')
      await exited
    },
  )
}

/** Resolves when the tracer has attached to all threads of the processes. */
async function attach(ids: readonly number[], delayMs: number): Promise<ChildProcess> {
  const calls = 'fsync,fdatasync'
  const tracer = spawn(
    'strace',
    [
      ...['-f', '-e', `trace=${calls}`, '-e', `inject=${calls}:delay_enter=${delayMs}ms`, '-o', '/dev/null'],
      ...ids.flatMap((id) => ['-p', String(id)]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let printed = ''
  const attached = Promise.withResolvers<void>()
  tracer.stderr.on('data', (bytes) => {
    printed += String(bytes)
    if (ids.every((id) => new RegExp(`Process ${id} attached`).test(printed))) attached.resolve()
  })
  tracer.once('error', attached.reject)
  tracer.once('exit', () => attached.reject(new Error(`strace ended: ${printed}`)))
  await attached.promise
  return tracer
}

/** No process can open another file, socket or connection. */
export function exhaustedDescriptors(ids: () => readonly number[]): Fault {
  const limits = new Map<number, string>()
  return fault(
    'descriptors',
    () => {
      limits.clear()
      for (const id of ids()) {
        limits.set(id, prlimit(id, '--noheadings', '--raw', '--output=SOFT', '--nofile').trim())
        prlimit(id, `--nofile=${lowestFree(id)}:`)
      }
    },
    () => {
      for (const [id, limit] of limits) if (isAlive(id)) prlimit(id, `--nofile=${limit}:`)
    },
  )
}

/** The number of the next descriptor that the kernel would give the process. The limit bounds the numbers. */
function lowestFree(id: number): number {
  const taken = new Set(readdirSync(`/proc/${id}/fd`).map(Number))
  for (let number = 0; ; number++) if (!taken.has(number)) return number
}

function prlimit(id: number, ...options: readonly string[]): string {
  return execFileSync('prlimit', ['--pid', String(id), ...options], { encoding: 'utf8' })
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}
