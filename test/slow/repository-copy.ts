import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { topology } from '@quintet/contracts/topology'
import { root } from '../system/processes.ts'

/** A copy of the repository, to be changed by tests. */
export type RepositoryCopy = {
  readonly folder: string
  /** Runs a program in it, and returns its output; rejects with the output when it fails. */
  execute(command: string, words: readonly string[], environment?: Record<string, string>): Promise<string>
  remove(): void
}

/** A name that no service of the repository has. */
export const newService = ['reviews', 'parcels', 'specimens'].find((name) => !(name in topology)) ?? ''

export async function copyRepository(): Promise<RepositoryCopy> {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-copy-'))
  const filter = (file: string) => !['node_modules', '.git', 'data', 'results'].includes(basename(file))
  cpSync(root, folder, { recursive: true, filter })
  for (const modules of globSync('{,*/,services/*/}node_modules', { cwd: root }))
    await linkModules(modules, folder)
  return {
    folder,
    execute: (command, words, environment = {}) => execute(folder, command, words, environment),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** By hard links where possible, which takes a second. npm writes in place only to its hidden lockfile, which is copied. */
async function linkModules(modules: string, folder: string): Promise<void> {
  const [from, to] = [join(root, modules), join(folder, modules)]
  await promisify(execFile)('cp', ['-al', from, to]).catch(() =>
    cpSync(from, to, { recursive: true, verbatimSymlinks: true }),
  )
  const list = '.package-lock.json'
  if (!existsSync(join(from, list))) return
  rmSync(join(to, list))
  copyFileSync(join(from, list), join(to, list))
}

async function execute(
  folder: string,
  command: string,
  words: readonly string[],
  environment: Record<string, string>,
): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const options = { cwd: folder, env: { PATH, HOME, ...environment }, maxBuffer: 64 * 1024 * 1024 }
  const { stdout, stderr } = await promisify(execFile)(command, words, options).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`${command} ${words.join(' ')}\n${stdout}${stderr}`)
    },
  )
  return stdout + stderr
}
