import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { subjectNames } from '../faults/subjects.ts'
import { describeAttack, promises } from '../promises.ts'
import { parseArguments } from '../run/arguments.ts'
import { parseProveArguments } from '../run/prove-arguments.ts'
import { scenarios } from '../scenarios/index.ts'

const root = new URL('../..', import.meta.url)
const minutesMax = 2

for (const [name, attack] of Object.entries(promises))
  test(`What tries to break ${name} exists, and is short`, () => {
    if ('tests' in attack) for (const file of attack.tests) assert.ok(existsSync(new URL(file, root)), file)
    else if ('recoveryOf' in attack)
      for (const subject of attack.recoveryOf) assert.ok(subjectNames.includes(subject), subject)
    else {
      const words = ['--scenario', attack.scenarios.join(), '--minutes', `${attack.minutes}`]
      const parsed = parseArguments(words, scenarios, () => true)
      assert.equal(parsed.scenarios.length, attack.scenarios.length)
      assert.ok(attack.scenarios.length * attack.minutes <= minutesMax)
    }
  })

test('Tests that try to break a promise are among its proofs', () => {
  const page = readFileSync(new URL('docs/guarantees.md', root), 'utf8')
  const files = Object.values(promises).flatMap((attack) => ('tests' in attack ? attack.tests : []))
  assert.ok(files.length > 0)
  for (const file of files) assert.ok(page.includes(`](../${file})`), file)
})

test('Without a promise the list of all is printed; an unknown one is refused with this list', () => {
  const prove = (...args: string[]) =>
    spawnSync(process.execPath, ['nemesis/prove.ts', ...args], { encoding: 'utf8', cwd: root })
  const listed = prove()
  assert.equal(listed.status, 0)
  for (const [name, attack] of Object.entries(promises))
    assert.ok(listed.stdout.includes(`  ${name}\n    ${describeAttack(attack)}\n`), name)
  const refused = prove('two-winners')
  assert.equal(refused.status, 1)
  assert.equal(refused.stdout, '')
  assert.match(
    refused.stderr,
    /^No promise is called "two-winners"\.\n\nUsage: npm run prove[\s\S]*^ {2}one-winner$/m,
  )
})

test('Wrong arguments are refused with a sentence', () => {
  assert.throws(
    () => parseProveArguments(['one-winner', 'recovery']),
    /^Error: One promise is tried at a time, so "recovery" is too much\.$/,
  )
  assert.throws(() => parseProveArguments(['one-winner', '--keep', '']), /--keep must name a folder/)
  assert.throws(() => parseProveArguments(['toString']), /No promise is called "toString"/)
})

test('Of tests that are run the verdicts are collected, with what their diagnostics count, and drawn', () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const program = 'nemesis/test/programs/run-counting-tests.ts'
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', cwd: root, env })
  assert.match(stderr, /^FAILED {2}fails .*\n.*the reason/m)
  const { tests, picture } = JSON.parse(stdout)
  const counts = [{ count: 1_200, what: 'attempts, none of which succeeds' }]
  assert.deepEqual(
    tests.map(({ ms, ...others }: { ms: number }) => others),
    [
      { title: 'passes & counts', isPassed: true, counts },
      { title: 'fails', isPassed: false, counts: [] },
      { title: 'passes', isPassed: true, counts: [] },
    ],
  )
  assert.match(picture, />attempts, none of which succeeds</)
  assert.match(picture, />FAILED: fails</)
  assert.match(picture, />1 other test passed</)
})
