import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseCommandLine, runProgram, UsageError } from '@quintet/backends/command-line'
import { beanstalkCompose } from './beanstalk-compose.ts'

const usage = `Usage: npm run bundle:beanstalk -- --image <name> [--single] [--output <file>]

Writes a bundle for Elastic Beanstalk, on the platform Docker of Amazon Linux 2023.

  --image <name>    the image in a registry, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/quintet:1.0.0
  --single          one container with all services, instead of one for each
  --output <file>   the file to write; quintet-beanstalk.zip by default`

const parts = new URL('beanstalk/', import.meta.url).pathname

await runProgram(usage, (args) => {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      image: { type: 'string' },
      single: { type: 'boolean', default: false },
      output: { type: 'string', default: 'quintet-beanstalk.zip' },
    },
  })
  const { image, single, output } = values
  if (image === undefined || !isWithVersion(image))
    throw new UsageError('--image must be the name of an image with its tag or digest.')
  writeBundle(resolve(String(output)), beanstalkCompose(image, single === true))
  process.stdout.write(`${output}\n`)
  return true
})

function writeBundle(file: string, compose: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-bundle-'))
  try {
    cpSync(parts, folder, { recursive: true })
    writeFileSync(join(folder, 'docker-compose.yml'), compose)
    rmSync(file, { force: true })
    execFileSync('zip', ['-q', '-r', '-X', file, '.'], { cwd: folder })
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw isMissing ? new UsageError('The program zip is missing; install it.') : error
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Whether the last part of the name of an image has a tag or a digest, as in `registry:5000/quintet:1.0`. */
function isWithVersion(image: string): boolean {
  const last = image.slice(image.lastIndexOf('/') + 1)
  return /^[a-z0-9][\w./:@-]*$/.test(image) && /^[\w.-]+[:@][\w:@.-]+$/.test(last)
}
