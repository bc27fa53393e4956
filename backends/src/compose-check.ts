import { globSync } from 'node:fs'
import { faultsOf, readCompose } from './compose.ts'

/** Validates the Compose files of the project, or those given as arguments, without a Docker daemon. */

const root = new URL('../../', import.meta.url).pathname
const named = process.argv.slice(2)
const files =
  named.length > 0
    ? named
    : globSync('{backends,deploy}/compose.yaml', { cwd: root }).map((file) => root + file)

for (const file of files) {
  const faults = await readCompose(file).then(faultsOf, (error: Error) => [error.message])
  process.stdout.write(faults.length === 0 ? `${file} is valid\n` : `${file}:\n  ${faults.join('\n  ')}\n`)
  if (faults.length > 0) process.exitCode = 1
}
