import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { execute, find } from './commands.ts'

const policy = '/usr/sbin/policy-rc.d'
const updatedWithinMs = 180_000
const installedWithinMs = 900_000
const lockTimeout = 'DPkg::Lock::Timeout=300'

let updated: Promise<unknown> | undefined

/** Installs packages of Debian without letting them start what they bring; rejects where that cannot be done here. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const list = packages.join(' ')
  const aptGet = find('apt-get')
  if (aptGet === undefined)
    throw new Error(`It needs ${list}, and this is no Debian, which has packages of them.`)
  if (process.getuid?.() !== 0)
    throw new Error(`It needs packages that only root may add: apt-get install ${list}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  updated ??= execute(aptGet, ['-qq', '-o', lockTimeout, 'update'], { env, timeoutMs: updatedWithinMs })
  await updated
  const words = ['-qq', '-y', '--no-install-recommends', '-o', lockTimeout, 'install', ...packages]
  await withoutStarts(() => execute(aptGet, words, { env, timeoutMs: installedWithinMs }))
}

/** Debian asks this file, where there is one, whether a service may start. */
async function withoutStarts(work: () => Promise<unknown>): Promise<void> {
  if (existsSync(policy)) {
    await work()
    return
  }
  const remove = () => rmSync(policy, { force: true })
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  process.once('exit', remove)
  try {
    await work()
  } finally {
    remove()
    process.off('exit', remove)
  }
}
