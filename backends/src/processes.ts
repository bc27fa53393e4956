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
  /** Names its log and its process id file. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Who runs it where this process is root's; its own user otherwise. */
  readonly user?: string
  /** What ends it in an orderly way, where that is not SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Rejects as long as it is not ready. */
  ready(): Promise<void>
}

export type StartOptions = {
  /** Whether it ends when this process does, however that ends. */
  readonly endsWithUs?: boolean
}

const readyWithinMs = 90_000
const startsMax = 3
const startAgainMs = 1000
const stopsWithinMs = 30_000
const pollMs = 50
const logTailLines = 15

/**
 * Starts it in the background unless it runs, and waits until it is ready; its log is told when it is not. One that
 * ends at once is started again: a predecessor that was killed may still be ending, and hold what it locked.
 */
export async function start(program: Program, folder: string, options: StartOptions = {}): Promise<void> {
  const deadline = performance.now() + readyWithinMs
  let starts = 0
  for (;;) {
    if (processOf(program, folder) === undefined) {
      if (starts === startsMax)
        throw new Error(`${program.name} ended instead of starting.\n${logTail(program, folder)}`)
      await sleep(starts * startAgainMs)
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

/** Ends it and all that it started, in an orderly way while there is time; false when it did not run. */
export async function stop(program: Program, folder: string, signal?: NodeJS.Signals): Promise<boolean> {
  const process = processOf(program, folder)
  if (process === undefined) return false
  const family = [process, ...descendants(process)]
  send(process, signal ?? program.stopSignal ?? 'SIGTERM')
  if (signal !== 'SIGKILL') await ends([process], stopsWithinMs)
  for (const member of family) send(member, 'SIGKILL')
  if (!(await ends(family, stopsWithinMs)))
    throw new Error(`${program.name}, process ${process.id}, does not end; it may be another user's.`)
  rmSync(idFile(program, folder), { force: true })
  return true
}

/** Lets it stand still, or go on. */
export function signalAll(program: Program, folder: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const process = processOf(program, folder)
  if (process !== undefined) for (const member of [process, ...descendants(process)]) send(member, signal)
}

export function isRunning(program: Program, folder: string): boolean {
  return processOf(program, folder) !== undefined
}

/** A folder that the program's user can write to. */
export function ownedFolder(path: string, user: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, gid } = identity(user)
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
  return path
}

/** The ids of the user of a package for root, who has to become that one; nothing for others, who stay who they are. */
export function identity(user: string | undefined): { uid?: number; gid?: number } {
  if (user === undefined || process.getuid?.() !== 0) return {}
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`))
  if (line === undefined) throw new Error(`There is no user ${user}, whom its package should have made.`)
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** The end of what it printed. */
export function logTail({ name }: Program, folder: string): string {
  const file = join(folder, `${name}.log`)
  if (!existsSync(file)) return `${file} is not there.`
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return [`The end of ${file}:`, ...lines.slice(-logTailLines).map((line) => `  ${line}`)].join('\n')
}

/** A process is known by its id and by when it started, since ids are given out again. */
type Process = { readonly id: number; readonly startedAt: string }

function launch(program: Program, folder: string, { endsWithUs = false }: StartOptions): void {
  const log = join(folder, `${program.name}.log`)
  if (existsSync(log)) renameSync(log, `${log}.old`)
  const output = openSync(log, 'a')
  const words = [program.command, ...program.args]
  const [command = '', ...args] = endsWithUs ? ['setpriv', '--pdeathsig', 'KILL', ...words] : words
  const child = spawn(command, args, {
    cwd: program.cwd ?? folder,
    detached: true,
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: folder, ...program.env },
    stdio: ['ignore', output, output],
    ...identity(program.user),
  })
  closeSync(output)
  child.on('error', (error) => writeFileSync(log, `${error.message}\n`, { flag: 'a' }))
  child.unref()
  const started = child.pid === undefined ? undefined : stateOf(child.pid)
  if (started !== undefined) writeFileSync(idFile(program, folder), `${started.id} ${started.startedAt}\n`)
}

function processOf(program: Program, folder: string): Process | undefined {
  const file = idFile(program, folder)
  if (!existsSync(file)) return undefined
  const [id, startedAt] = readFileSync(file, 'utf8').trim().split(' ')
  const state = stateOf(Number(id))
  return state !== undefined && state.startedAt === startedAt ? state : undefined
}

function idFile({ name }: Program, folder: string): string {
  return join(folder, `${name}.pid`)
}

/** A process that has ended and waits for its parent to notice counts as ended. */
function stateOf(id: number): (Process & { parent: number }) | undefined {
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
    .map(stateOf)
    .filter((state) => state !== undefined)
  const below = (parent: number): Process[] =>
    states.filter((state) => state.parent === parent).flatMap((state) => [state, ...below(state.id)])
  return below(id)
}

function send({ id, startedAt }: Process, signal: NodeJS.Signals): void {
  if (stateOf(id)?.startedAt !== startedAt) return
  try {
    process.kill(id, signal)
  } catch {
    // It ended in the meantime, or belongs to somebody else; whoever waits for its end finds out.
  }
}

async function ends(family: readonly Process[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (family.some(({ id, startedAt }) => stateOf(id)?.startedAt === startedAt)) {
    if (performance.now() > deadline) return false
    await sleep(pollMs)
  }
  return true
}
