import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { operatorMessage } from '@quintet/chassis/errors'
import { beginning, hashOf, lineAfter } from '../chassis/src/audit/chain.ts'
import { findings } from '../cli/audit.ts'

/** A log of three lines. */
function world(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'audit.guid.log')
  let end = beginning
  for (const kind of ['start', 'intent', 'outcome'] as const) {
    const line = lineAfter(end, 'guid', { kind, path: '/guid' })
    end = { number: end.number + 1, hash: hashOf(line) }
    writeFileSync(file, `${line}\n`, { flag: 'a' })
  }
  const change = (edit: (text: string) => string) => writeFileSync(file, edit(readFileSync(file, 'utf8')))
  return { file, hash: end.hash, change }
}

test('quintet audit last prints the hash of the last line, and verify finds it there later', async (t) => {
  const { file, hash } = world(t)
  assert.equal(await findings(['last', file]), hash)
  assert.equal(
    await findings(['verify', file, '--kept', hash]),
    `Valid up to line 3 of ${file}: 3 lines of guid. The last hash is ${hash}.`,
  )
})

test('quintet audit verify fails with the line at which the chain breaks, and why', async (t) => {
  const { file, change } = world(t)
  change((text) => text.replace('"kind":"intent","path":"/guid"', '"kind":"intent","path":"/none"'))
  const message = `${file}, line 3: prev is not the hash of the line before, which was changed. Valid up to line 1.`
  for (const action of ['verify', 'last']) await assert.rejects(findings([action, file]), { message })
})

test('A tail that was cut off is found by a hash that was kept', async (t) => {
  const { file, hash, change } = world(t)
  change((text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1))
  assert.match(await findings(['verify', file]), /^Valid up to line 2 /)
  await assert.rejects(findings(['verify', file, '--kept', hash]), {
    message: `No line has the hash ${hash}: the end of the log was cut off, or it is another log.`,
  })
})

test('Wrong arguments, and a file that is missing or empty, are said in a sentence', async (t) => {
  const { file, change } = world(t)
  change(() => '')
  for (const [words, message] of [
    [[], /^quintet audit needs one of these commands:$/],
    [['verify'], /^quintet audit verify needs the files of an audit log:$/],
    [['last', file, file], /^quintet audit last needs one file:$/],
    [['verify', file, '--kept', 'x'], /^--kept must be a hash of 64 hexadecimal digits\.$/],
    [['verify', file], /has no line of an audit log\.$/],
  ] as const)
    await assert.rejects(findings(words), { message })
  const missing = findings(['verify', `${file}.1`])
  await assert.rejects(missing, (error) => operatorMessage(error) === `${file}.1 does not exist.`)
})
