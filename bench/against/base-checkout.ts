import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Checkout } from '../checkout.ts'
import { describeCheckout } from '../checkout.ts'
import { killOnExit } from '../kill-on-exit.ts'
import { linkModules } from './link-modules.ts'

type BaseCheckout = Checkout & { commit: string; subject: string; remove(): void }

const npmErrorLengthMax = 500

/**
 * Checks a commit of the repository out into a worktree in a temporary directory and installs its modules. `remove` deletes
 * the worktree; it runs at the latest when the process exits.
 */
export async function checkOutBase(
  repository: string,
  revision: string,
  progress: (sentence: string) => void,
): Promise<BaseCheckout> {
  const commit = resolveCommit(repository, revision)
  const parent = mkdtempSync(join(realpathSync(tmpdir()), 'quintet-base-'))
  const directory = join(parent, 'checkout')
  const remove = () => removeWorktree(repository, parent, directory)
  process.once('exit', remove)
  try {
    // Without hooks: those of the repository are for its users' own checkouts.
    git(repository, [
      '-c',
      'core.hooksPath=/dev/null',
      'worktree',
      'add',
      '--quiet',
      '--detach',
      directory,
      commit,
    ])
    await installModules(repository, directory, progress)
    const [short = commit, subject = ''] = git(repository, ['log', '-1', '--format=%h%n%s', commit]).split(
      '\n',
    )
    return { ...describeCheckout('base', directory), commit: short, subject, remove: finishedBy(remove) }
  } catch (error) {
    finishedBy(remove)()
    throw error
  }
}

function finishedBy(remove: () => void): () => void {
  return () => {
    process.off('exit', remove)
    remove()
  }
}

function resolveCommit(repository: string, revision: string): string {
  try {
    return git(repository, [
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${revision}^{commit}`,
    ]).trim()
  } catch {
    throw new Error(`"${revision}" is not a commit of this repository.`)
  }
}

/** Links the modules of the current checkout if they are the same, because installing takes most of a minute. */
async function installModules(
  repository: string,
  directory: string,
  progress: (sentence: string) => void,
): Promise<void> {
  if (lockOf(repository) !== lockOf(directory)) return npmCi(directory, progress)
  const nested = globSync(['*/node_modules', '*/*/node_modules'], { cwd: repository })
  for (const modules of ['node_modules', ...nested.filter((path) => !path.startsWith('node_modules'))])
    linkModules(join(repository, modules), join(directory, modules))
}

function lockOf(directory: string): string {
  return readFileSync(join(directory, 'package-lock.json'), 'utf8')
}

async function npmCi(directory: string, progress: (sentence: string) => void): Promise<void> {
  progress('npm ci in the base checkout, because its package-lock.json differs')
  // Settings that `npm run` passes on would make npm work in the current checkout.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(?!config_)|^npm_config_local_prefix$|^INIT_CWD$/.test(name),
    ),
  )
  const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: directory,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  killOnExit(child, 'group')
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(`npm ci failed in the base checkout: ${errors.slice(0, npmErrorLengthMax)}`)
}

/** Works at any stage of `checkOutBase`. Synchronous, because it may run while the process exits. */
function removeWorktree(repository: string, parent: string, directory: string): void {
  try {
    git(repository, ['worktree', 'remove', '--force', directory])
  } catch {
    // It was not yet added.
  }
  // A killed `npm ci` may still be writing for a moment.
  rmSync(parent, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function git(repository: string, args: string[]): string {
  return execFileSync('git', ['-C', repository, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
