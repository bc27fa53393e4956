import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Writes secrets where containers read them:
 *
 *   node deploy/make-secrets.ts /secrets postgres/password={POSTGRES_PASSWORD} …
 *
 * Each argument is a file in the folder and its content, in which {NAME} stands for the secret of that name. A secret is made once, or
 * taken from the environment, and stays in `made/NAME`; the other files are written anew from it. Volumes and not modes separate
 * the containers, which run as different users, so the files can be read by all users of a container.
 */

const secretBytes = 32

const [folder = '', ...entries] = process.argv.slice(2)
for (const entry of entries) {
  const [, file = '', content = ''] = /^([^=]+)=([\s\S]*)$/.exec(entry) ?? []
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  const text = content.replace(/\{([A-Z_]+)\}/g, (_, name: string) => secretOf(name))
  // A container that starts meanwhile reads all of it.
  writeFileSync(`${path}.new`, text, { mode: 0o444 })
  renameSync(`${path}.new`, path)
}

function secretOf(name: string): string {
  const path = join(folder, 'made', name)
  const given = process.env[name]
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, given || randomBytes(secretBytes).toString('hex'), {
      flag: 'wx',
      mode: 0o400,
      flush: true,
    })
    process.stdout.write(`${name} is ${given ? 'that of the environment' : 'new'}\n`)
  }
  const secret = readFileSync(path, 'utf8')
  if (!given || given === secret) return secret
  process.stderr.write(`${name} differs from the one in use: change it in ${path}, and in what uses it.\n`)
  process.exit(1)
}
