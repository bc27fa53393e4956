import { execute, find } from './commands.ts'
import type { EngineName } from './engine.ts'

const composeFile = new URL('../compose.yaml', import.meta.url).pathname
const answersWithinMs = 10_000
const startsWithinMs = 900_000
const stopsWithinMs = 120_000
const logLines = '15'

/** Whether a Docker engine answers here that understands Compose files. */
export async function dockerAnswers(): Promise<boolean> {
  if (find('docker') === undefined) return false
  return Promise.all([docker('info'), docker('compose', 'version')]).then(
    () => true,
    () => false,
  )
}

/** Starts its container, and waits until that is healthy; rejects with the end of its log. */
export async function composeUp(name: EngineName): Promise<void> {
  try {
    await compose(startsWithinMs, 'up', '--detach', '--wait', '--quiet-pull', name)
  } catch (error) {
    const log = await compose(answersWithinMs, 'logs', '--no-color', '--tail', logLines, name).catch(() => '')
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${log}`)
  }
}

/** The engines whose containers run. */
export async function composeRunning(): Promise<readonly string[]> {
  return (await compose(answersWithinMs, 'ps', '--services', '--status', 'running')).split('\n')
}

/** Stops its container; its volume stays unless that is to be removed too. */
export async function composeDown(name: EngineName, remove: boolean): Promise<void> {
  await compose(stopsWithinMs, 'rm', '--stop', '--force', name)
  if (remove) await docker('volume', 'rm', '--force', `quintet-backends_${name}`)
}

function docker(...words: readonly string[]): Promise<string> {
  return execute('docker', words, { timeoutMs: answersWithinMs })
}

function compose(timeoutMs: number, ...words: readonly string[]): Promise<string> {
  return execute('docker', ['compose', '--file', composeFile, ...words], { timeoutMs })
}
