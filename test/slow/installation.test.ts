import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { dataFolder, root, run } from '../system/processes.ts'

const scripts: Record<string, string> = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts
const programs = Object.entries(scripts).filter(([, script]) => /(?:^| )node /.test(script))

/** A folder with the scripts and what they load first, without packages. */
function freshClone(t: TestContext): string {
  const folder = join(dataFolder(t), 'clone')
  for (const file of ['package.json', 'cli/check-installation.cjs'])
    cpSync(join(root, file), join(folder, file), { recursive: true })
  return folder
}

test('Every script that runs a program of ours, run before npm ci, says so in one sentence', async (t) => {
  const folder = freshClone(t)
  assert.ok(programs.length >= 9)
  for (const [name] of programs) {
    const npm = run(t, ['run', '--silent', name], {}, folder, 'npm')
    await assert.rejects(npm.address('never'))
    assert.equal(npm.child.exitCode, 1)
    assert.equal(
      npm.output(),
      `The packages of Quintet are not installed. Run "npm ci" in ${folder} first.\n`,
      name,
    )
  }
})

test('On a Node that does not run TypeScript, the start says which one to use', async (t) => {
  const folder = freshClone(t)
  mkdirSync(join(folder, 'node_modules/@quintet'), { recursive: true })
  symlinkSync(join(root, 'chassis'), join(folder, 'node_modules/@quintet/chassis'))
  const version = join(folder, 'version.cjs')
  writeFileSync(
    version,
    "Object.defineProperty(process, 'version', { value: 'v20.19.2' }); Object.defineProperty(process, 'versions', { value: { node: '20.19.2' } })",
  )
  const flags = [`--require=${version}`, '--require=./cli/check-installation.cjs']
  const old = run(t, [...flags, 'quintet.ts', 'start'], {}, folder)
  await assert.rejects(old.address('never'))
  assert.equal(old.child.exitCode, 1)
  assert.match(old.output(), /^Quintet needs Node 24 or newer, and this is v20\.19\.2\. Run "npm ci" .*\n$/)
  assert.ok(!existsSync(join(folder, 'data')))
})
