import type { ChildProcess } from 'node:child_process'

const running = new Map<ChildProcess, 'process' | 'group'>()

process.on('exit', () => {
  for (const [child, scope] of running) kill(child, scope)
})

/** Kills the child when this process exits before it: `group` with all its descendants, if it was started `detached`. */
export function killOnExit(child: ChildProcess, scope: 'process' | 'group' = 'process'): void {
  running.set(child, scope)
  child.once('exit', () => running.delete(child))
  child.once('error', () => running.delete(child))
}

function kill({ pid }: ChildProcess, scope: 'process' | 'group'): void {
  if (pid === undefined) return
  try {
    process.kill(scope === 'group' ? -pid : pid, 'SIGKILL')
  } catch {
    // It exited in the meantime.
  }
}
