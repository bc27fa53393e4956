import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

/** The core of a process: the one under test has the first to itself, all that stands around it has the second. */
export type Core = 'server' | 'load'

const coreNumbers: Record<Core, string> = { server: '0', load: '1' }
const graceSeconds = 20

/** Without taskset, or with one core, nothing is pinned and the ratios are worth less. */
export const isPinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0

/** The command that runs `command` on its core; taskset replaces itself by it, so the process id is the command's. */
export function pinned(core: Core, command: string, args: string[]): [command: string, args: string[]] {
  return isPinned ? ['taskset', ['-c', coreNumbers[core], command, ...args]] : [command, args]
}

/** Runs a load generator on its core, or `anywhere`, to its end and resolves to what it printed. */
export async function run(
  command: string,
  args: string[],
  seconds: number,
  core: Core | 'anywhere' = 'load',
): Promise<string> {
  const timeout = (seconds + graceSeconds) * 1_000
  const [file, words] = core === 'anywhere' ? [command, args] : pinned(core, command, args)
  const { stdout } = await promisify(execFile)(file, words, { timeout })
  return stdout
}
