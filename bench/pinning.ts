import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { killOnExit } from './kill-on-exit.ts'

/** The first core is for the server under test alone, the second for the load generator and everything else. */
export type Core = 'server' | 'load' | 'anywhere'

const coreNumbers: Record<Exclude<Core, 'anywhere'>, string> = { server: '0', load: '1' }
const graceSeconds = 60

/** Without taskset, or on one core, processes are not pinned and the ratios are less exact. */
export const isPinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0

/** The command that runs `command` on a core. taskset replaces itself with it, so the process id stays that of the command. */
export function pinned(core: Core, command: string, args: string[]): [command: string, args: string[]] {
  return isPinned && core !== 'anywhere'
    ? ['taskset', ['-c', coreNumbers[core], command, ...args]]
    : [command, args]
}

/** Runs a load generator to its end, on a core or `anywhere`, and returns its output. */
export async function runPinned(
  command: string,
  args: string[],
  seconds: number,
  core: Core = 'load',
): Promise<string> {
  const timeout = (seconds + graceSeconds) * 1_000
  const [file, words] = pinned(core, command, args)
  const running = promisify(execFile)(file, words, { timeout })
  killOnExit(running.child)
  return (await running).stdout
}
