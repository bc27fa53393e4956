import { parseCommandLine, runProgram } from './command-line.ts'
import { faultsOf, readCompose } from './compose.ts'

const usage = `Usage: npm run compose:check -- [file…]

Validates the Compose files of the project, or these, without a Docker daemon. Files that are used together are separated by colons.`

const root = new URL('../../', import.meta.url).pathname

await runProgram(usage, async (args) => {
  const { positionals } = parseCommandLine({ args: [...args], allowPositionals: true })
  const files =
    positionals.length > 0
      ? positionals
      : [
          'compose.yaml',
          'compose.yaml:deploy/logs.yaml',
          'compose.yaml:deploy/logs.yaml:deploy/observability/compose.observability.yaml',
          'deploy/development.yaml',
          'backends/compose.yaml',
        ].map((names) => names.replace(/[^:]+/g, (file) => root + file))
  let allValid = true
  for (const file of files) {
    const faults = await readCompose(file).then(faultsOf, (error: Error) => [error.message])
    allValid &&= faults.length === 0
    process.stdout.write(faults.length === 0 ? `${file} is valid\n` : `${file}:\n  ${faults.join('\n  ')}\n`)
  }
  return allValid
})
