import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { execute, find } from './commands.ts'

const policyFile = '/usr/sbin/policy-rc.d'
const updateTimeoutMs = 180_000
const installTimeoutMs = 900_000
const lockTimeout = 'DPkg::Lock::Timeout=300'

let updated: Promise<unknown> | undefined

/** Installs Debian packages without starting their services; rejects where that is impossible. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const list = packages.join(' ')
  const aptGet = find('apt-get')
  if (aptGet === undefined)
    throw new Error(`It needs ${list}, and this system has no apt-get to install them.`)
  if (process.getuid?.() !== 0)
    throw new Error(`It needs packages that only root can install: apt-get install ${list}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  updated ??= execute(aptGet, ['-qq', '-o', lockTimeout, 'update'], { env, timeoutMs: updateTimeoutMs })
  await updated
  const words = ['-qq', '-y', '--no-install-recommends', '-o', lockTimeout, 'install', ...packages]
  await withoutServiceStarts(() => execute(aptGet, words, { env, timeoutMs: installTimeoutMs }))
}

/** Debian's packages run this file, if it exists, and start no service when it exits with 101. */
async function withoutServiceStarts(work: () => Promise<unknown>): Promise<void> {
  if (existsSync(policyFile)) {
    await work()
    return
  }
  const remove = () => rmSync(policyFile, { force: true })
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  process.once('exit', remove)
  try {
    await work()
  } finally {
    remove()
    process.off('exit', remove)
  }
}
