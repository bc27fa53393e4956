import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { userIds } from './processes.ts'

const run = promisify(execFile)
const outputBytesMax = 16 * 1024 * 1024
const outputTailLines = 15

type CommandOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** The user that runs it if this process is root. */
  readonly user?: string
  /** Its standard input. */
  readonly input?: string
  readonly timeoutMs: number
}

/** Runs a program and returns its standard output; rejects with the last lines of its output when it fails. */
export async function execute(
  command: string,
  args: readonly string[],
  { user, timeoutMs, env, cwd, input = '' }: CommandOptions,
): Promise<string> {
  const running = run(command, [...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, LANG: 'C.UTF-8', ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: outputBytesMax,
    ...userIds(user),
  })
  // A program that does not read its input closes it early (EPIPE); its exit code is what matters.
  running.child.stdin?.on('error', () => {})
  running.child.stdin?.end(input)
  try {
    return (await running).stdout
  } catch (error) {
    throw new Error(`${command} ${args[0] ?? ''} failed: ${reasonOf(error)}`)
  }
}

/** The path of a program in one of these folders, or in PATH. */
export function find(program: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter)
  return [...folders, ...path, '/usr/sbin', '/usr/local/go/bin']
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file))
}

/** As `find`; the bare name if there is none, so that the error of running it names the program. */
export function locate(program: string, folders: readonly string[] = []): string {
  return find(program, folders) ?? program
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('killed' in error && error.killed === true) return 'it took too long'
  const streams = ['stdout' in error ? error.stdout : '', 'stderr' in error ? error.stderr : '']
  const printed = streams.join('\n').trim()
  return printed === '' ? error.message : printed.split('\n').slice(-outputTailLines).join('\n')
}
