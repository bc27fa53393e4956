import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import type { TestContext } from 'node:test'
import { serviceNames } from '@quintet/contracts/topology'
import { dataFolder, root, run } from '../system/processes.ts'

/** The whole system on free ports: the address of its gateway, and the options with all addresses for newman. */
export async function startSystem(
  t: TestContext,
  environment: Record<string, string> = {},
): Promise<{ gateway: string; words: string[] }> {
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    ...environment,
  })
  const addresses = serviceNames.map(async (name) => ['--env-var', `${name}=${await quintet.address(name)}`])
  const words = [...(await Promise.all(addresses)).flat(), '--env-var', 'allow_delete_all=yes']
  return { gateway: await quintet.address('gateway'), words }
}

/** Runs the collection by `npm run postman`, and returns its output; fails with the output. */
export async function runCollection(t: TestContext, words: readonly string[]): Promise<string> {
  const child = spawn('npm', ['run', '--silent', 'postman', '--', '--color', 'off', ...words], { cwd: root })
  t.after(() => child.kill('SIGKILL'))
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const [exitCode] = await once(child, 'close')
  assert.equal(exitCode, 0, printed)
  return printed
}
