import { spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A program that runs until it is stopped. */
export type Program = {
  /** The name of its log file and of its process id file. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** The user that runs it if this process is root. */
  readonly user?: string
  /** The signal for an orderly shutdown, if it is not SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Rejects while the program is not ready. */
  ready(): Promise<void>
}

export type StartOptions = {
  /** Whether it is killed when this process ends, however that ends. */
  readonly endsWithParent?: boolean
}

const readyTimeoutMs = 90_000
const startAttemptsMax = 3
const restartDelayMs = 1000
const stopTimeoutMs = 30_000
const pollMs = 50
const logTailLines = 15

/**
 * Starts a program in the background unless it runs, and waits until it is ready; rejects with the end of its log. A program
 * that exits at once is started again, since a killed predecessor may hold its locks until it has ended.
 */
export async function start(program: Program, folder: string, options: StartOptions = {}): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs
  let starts = 0
  for (;;) {
    if (processOf(program, folder) === undefined) {
      if (starts === startAttemptsMax)
        throw new Error(`${program.name} ended instead of starting.\n${logTail(program, folder)}`)
      await sleep(starts * restartDelayMs)
      launch(program, folder, options)
      starts += 1
    }
    const fault = await program.ready().then(
      () => undefined,
      (error: Error) => error.message,
    )
    if (fault === undefined && processOf(program, folder) !== undefined) return
    if (performance.now() > deadline)
      throw new Error(`${program.name} was not ready in time: ${fault}\n${logTail(program, folder)}`)
    await sleep(pollMs)
  }
}

/** Stops a program and its descendants, by SIGKILL after a timeout; false if it was not running. */
export async function stop(program: Program, folder: string, signal?: NodeJS.Signals): Promise<boolean> {
  const all = members(program, folder)
  const [process] = all
  if (process === undefined) return false
  sendSignal(process, signal ?? program.stopSignal ?? 'SIGTERM')
  if (signal !== 'SIGKILL') await haveEnded([process], stopTimeoutMs)
  for (const member of all) sendSignal(member, 'SIGKILL')
  if (!(await haveEnded(all, stopTimeoutMs)))
    throw new Error(`${program.name}, process ${process.id}, does not end; it may belong to another user.`)
  rmSync(idFile(program, folder), { force: true })
  return true
}

/** Suspends or resumes a program and its descendants. */
export function signalAll(program: Program, folder: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const member of members(program, folder)) sendSignal(member, signal)
}

/** The ids of the processes of a program, itself first; none if it does not run. */
export function processIds(program: Program, folder: string): number[] {
  return members(program, folder).map(({ id }) => id)
}

function members(program: Program, folder: string): Process[] {
  const process = processOf(program, folder)
  return process === undefined ? [] : [process, ...descendants(process)]
}

export function isRunning(program: Program, folder: string): boolean {
  return processOf(program, folder) !== undefined
}

/** Creates a folder that belongs to the program's user. */
export function makeOwnedFolder(path: string, user: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, gid } = userIds(user)
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
  return path
}

/** The ids of a user that root switches to; none if this process is not root. */
export function userIds(user: string | undefined): { uid?: number; gid?: number } {
  if (user === undefined || process.getuid?.() !== 0) return {}
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`))
  if (line === undefined) throw new Error(`There is no user ${user}; its package should have created it.`)
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** The last lines of its log. */
function logTail({ name }: Program, folder: string): string {
  const file = join(folder, `${name}.log`)
  if (!existsSync(file)) return `There is no ${file}.`
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return [`The end of ${file}:`, ...lines.slice(-logTailLines).map((line) => `  ${line}`)].join('\n')
}

/** A process is identified by its id and start time, since ids are reused. */
type Process = { readonly id: number; readonly startedAt: string }

function launch(program: Program, folder: string, { endsWithParent = false }: StartOptions): void {
  const log = join(folder, `${program.name}.log`)
  if (existsSync(log)) renameSync(log, `${log}.old`)
  const output = openSync(log, 'a')
  const words = [program.command, ...program.args]
  const [command = '', ...args] = endsWithParent ? ['setpriv', '--pdeathsig', 'KILL', ...words] : words
  const child = spawn(command, args, {
    cwd: program.cwd ?? folder,
    detached: true,
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: folder, ...program.env },
    stdio: ['ignore', output, output],
    ...userIds(program.user),
  })
  closeSync(output)
  child.on('error', (error) => writeFileSync(log, `${error.message}\n`, { flag: 'a' }))
  child.unref()
  const started = child.pid === undefined ? undefined : processState(child.pid)
  if (started !== undefined) writeFileSync(idFile(program, folder), `${started.id} ${started.startedAt}\n`)
}

function processOf(program: Program, folder: string): Process | undefined {
  const file = idFile(program, folder)
  if (!existsSync(file)) return undefined
  const [id, startedAt] = readFileSync(file, 'utf8').trim().split(' ')
  const state = processState(Number(id))
  return state !== undefined && state.startedAt === startedAt ? state : undefined
}

function idFile({ name }: Program, folder: string): string {
  return join(folder, `${name}.pid`)
}

/** The state of a process; undefined if it has ended, also while it is a zombie. */
function processState(id: number): (Process & { parent: number }) | undefined {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : { id, parent: Number(fields[1]), startedAt: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

function descendants({ id }: Process): Process[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const states = all
    .map(Number)
    .map(processState)
    .filter((state) => state !== undefined)
  const below = (parent: number): Process[] =>
    states.filter((state) => state.parent === parent).flatMap((state) => [state, ...below(state.id)])
  return below(id)
}

function sendSignal({ id, startedAt }: Process, signal: NodeJS.Signals): void {
  if (processState(id)?.startedAt !== startedAt) return
  try {
    process.kill(id, signal)
  } catch {
    // It has ended meanwhile, or belongs to another user, which the wait for its end reports.
  }
}

async function haveEnded(processes: readonly Process[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (processes.some(({ id, startedAt }) => processState(id)?.startedAt === startedAt)) {
    if (performance.now() > deadline) return false
    await sleep(pollMs)
  }
  return true
}
