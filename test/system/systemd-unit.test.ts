import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, dataFolder, root, run } from './processes.ts'

/** The unit, for the repository where it is. */
const unit = readFileSync(join(root, 'deploy/quintet.service'), 'utf8').replaceAll('/srv/quintet/', root)

test('The command of the systemd unit starts the services, and SIGTERM ends it with code 0', async (t) => {
  const DATA_DIR = dataFolder(t)
  const [program = '', ...words] = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? []
  const started = run(t, words, { DATA_DIR }, root, program)
  const gateway = await started.address('gateway')
  assert.equal((await call('GET', `${gateway}/health/ready`))?.status, 200)
  assert.equal(await started.kill('SIGTERM'), 0)
})

test('systemd gives up a start that fails five times, though each attempt takes 10 s', () => {
  const section = /^\[Unit\]\n(.*?)^\[/ms.exec(unit)?.[1] ?? ''
  const setting = (text: string, name: string) => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(text)?.[1])
  const attempts = setting(section, 'StartLimitBurst')
  assert.equal(attempts, 5)
  const attemptSeconds = 10 + setting(unit, 'RestartSec')
  assert.ok(setting(section, 'StartLimitIntervalSec') > (attempts - 1) * attemptSeconds)
})

test('The command for the systemd unit has its user, its settings and its program', () => {
  const command = readFileSync(join(root, 'deploy/quintet'), 'utf8').replaceAll('/srv/quintet/', root)
  for (const name of ['User', 'UMask', 'WorkingDirectory', 'EnvironmentFile', 'Environment']) {
    const line = new RegExp(`^${name}=.*$`, 'm').exec(unit)?.[0] ?? `${name}, which is not in the unit`
    assert.match(command, new RegExp(`--property='?${RegExp.escape(line)}'?\\s`))
  }
  const program = /^ExecStart=(\S+)/m.exec(unit)?.[1]
  assert.ok(command.includes(`${program} ${root}quintet.ts "$@"`))
})

test('The command for the systemd unit gives its words to quintet as they are', (t) => {
  const folder = dataFolder(t)
  writeFileSync(join(folder, 'systemd-run'), `#!/bin/sh\nprintf '%s\\n' "$@"\n`, { mode: 0o755 })
  const { stdout } = spawnSync(join(root, 'deploy/quintet'), ['backup', '/two words'], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  })
  assert.deepEqual(stdout.trim().split('\n').slice(-3), ['/srv/quintet/quintet.ts', 'backup', '/two words'])
})

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

test('The systemd unit is one that systemd accepts', {
  skip: hasSystemd ? false : 'there is no systemd-analyze',
}, (t) => {
  const file = join(dataFolder(t), 'quintet.service')
  writeFileSync(file, unit)
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
  const own = stderr.split('\n').filter((line) => line.includes('quintet'))
  assert.deepEqual([status, own], [0, []])
})
