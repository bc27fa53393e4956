import { execute, find } from './commands.ts'
import type { EngineName } from './engine.ts'

const composeFile = new URL('../compose.yaml', import.meta.url).pathname
const responseTimeoutMs = 10_000
const startTimeoutMs = 900_000
const stopTimeoutMs = 120_000
const logLines = '15'

/** Whether a Docker daemon responds and the Compose plugin is installed. */
export async function isDockerAvailable(): Promise<boolean> {
  if (find('docker') === undefined) return false
  return Promise.all([docker('info'), docker('compose', 'version')]).then(
    () => true,
    () => false,
  )
}

/** Starts the container of an engine and waits until it is healthy; rejects with the end of its log. */
export async function composeUp(name: EngineName): Promise<void> {
  try {
    await compose(startTimeoutMs, 'up', '--detach', '--wait', '--quiet-pull', name)
  } catch (error) {
    const log = await compose(responseTimeoutMs, 'logs', '--no-color', '--tail', logLines, name).catch(
      () => '',
    )
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${log}`)
  }
}

/** The names of the engines whose containers are running. */
export async function composeRunning(): Promise<readonly string[]> {
  return (await compose(responseTimeoutMs, 'ps', '--services', '--status', 'running')).split('\n')
}

/** Stops and removes the container of an engine; also its volume if `remove` is set. */
export async function composeDown(name: EngineName, remove: boolean): Promise<void> {
  await compose(stopTimeoutMs, 'rm', '--stop', '--force', name)
  if (remove) await docker('volume', 'rm', '--force', `quintet-backends_${name}`)
}

function docker(...words: readonly string[]): Promise<string> {
  return execute('docker', words, { timeoutMs: responseTimeoutMs })
}

function compose(timeoutMs: number, ...words: readonly string[]): Promise<string> {
  return execute('docker', ['compose', '--file', composeFile, ...words], { timeoutMs })
}
