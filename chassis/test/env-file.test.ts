import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Type } from 'typebox'
import { envFileFaults, faultsOf, port, readSettings } from '../src/config/index.ts'

for (const [line, fault] of [
  ['GUID_PORT 8888', 'is not NAME=value, as in GUID_PORT=…'],
  ['GUID_PORT: 8888', 'is not NAME=value, as in GUID_PORT=…'],
  ['export GUID_PORT', 'is not NAME=value, as in GUID_PORT=…'],
  ['GUID-PORT=8888', 'is not NAME=value'],
  ['GUID PORT=8888', 'is not NAME=value'],
  ['=8888', 'is not NAME=value'],
  ['// a comment', 'is not NAME=value'],
  ['; GUID_PORT=1', 'is not NAME=value'],
  ['1ST=1', 'is not NAME=value'],
  ['NAME="open', 'opens a " that it does not close'],
  ["NAME='open", "opens a ' that it does not close"],
  ['NAME=`open', 'opens a ` that it does not close'],
  ['NAME="a" b', 'has text after its closing quote'],
  ['NAME=ab#cd', 'has a # in its value, where a comment begins: quote the value'],
] as const)
  test(`A line of .env that would be ignored or cut off is named: ${line}`, (t) => {
    for (const text of [`A=1\n\n${line}\nB=2\n`, `A=1\r\n# why\r\n${line}\r\nB=2`, `\uFEFFA=1\n\n${line}`]) {
      const file = envFile(t, text)
      assert.deepEqual(sentencesOf(file), [`Line 3 of ${file} ${fault}.`])
    }
  })

test('A setting whose line is faulty is named with it, since its value is not what was meant', (t) => {
  const file = envFile(t, 'A="open\nB=a#b\nB=c\nC 1\nD=1\n')
  assert.deepEqual(
    envFileFaults(file).map(({ setting }) => setting),
    ['A', 'B', 'B', ''],
  )
})

test('A value of a faulty line is no fault of its own, but one of the environment is', (t) => {
  const schema = Type.Object({ A_PORT: port(1, 'What it is for.') })
  const file = envFile(t, 'A_PORT="8888\n')
  const faultsWith = (environment: Record<string, string>) =>
    faultsOf(schema, readSettings(environment, file), envFileFaults(file))
  assert.deepEqual(faultsWith({}), [])
  assert.equal(faultsWith({ A_PORT: 'one' }).length, 1)
})

test('All bad lines are named, and no value is shown', (t) => {
  const faults = sentencesOf(envFile(t, 'A secret\nAKIAEXAMPLE\nB=1\nC="secret" secret\nsecret\nD=se#cret\n'))
  assert.deepEqual(
    faults.map((fault) => fault.replace(/ of .*/, '')),
    ['Line 1', 'Line 2', 'Line 4', 'Line 5', 'Line 6'],
  )
  assert.doesNotMatch(faults.join(), /secret|AKIA/)
})

test('What parseEnv reads is no fault', (t) => {
  const text = [
    '# a comment # with another',
    '  ',
    '  # one that is indented',
    'A=1',
    'B = 2',
    'export C=3',
    'lower=4',
    'D=5 # why',
    'E="a#b" # why',
    "F='a=b'#why",
    'G=`it\'s "so"`',
    'H=',
    'I=""',
    'J="-----BEGIN',
    'AbC=x',
    '-----END"',
    'K=a=b',
    'L=#',
  ].join('\n')
  const file = envFile(t, text)
  assert.deepEqual(sentencesOf(file), [])
  const read = readSettings({}, file)
  for (const name of 'ABCDEFGJK') assert.ok(read.has(name), name)
})

test('A setting that .env has twice is named with both lines', (t) => {
  const file = envFile(t, 'A_PORT=1\nB="x\nb=y"\n# A_PORT=2\nexport A_PORT = 3\nB=\n')
  assert.deepEqual(sentencesOf(file), [
    `Line 5 of ${file} sets A_PORT again, after line 1.`,
    `Line 6 of ${file} sets B again, after line 2.`,
  ])
})

test('A .env that is a folder is a fault like any other, and the environment is read', (t) => {
  const folder = dirname(envFile(t, ''))
  assert.deepEqual(sentencesOf(folder), [`${folder} is a folder: it must be a file of lines NAME=value.`])
  assert.equal(readSettings({ GUID_PORT: '1' }, folder).get('GUID_PORT')?.value, '1')
})

test('A missing .env has no bad lines', (t) => {
  assert.deepEqual(sentencesOf(`${envFile(t, '')}-absent`), [])
})

test('Variables that Kubernetes or Docker sets for a service are not settings, but the same names in .env are', (t) => {
  const links = {
    GUID_PORT: 'tcp://10.0.0.1:8888',
    GUID_SERVICE_HOST: '10.0.0.1',
    GUID_SERVICE_PORT: '8888',
    GUID_SERVICE_PORT_HTTP: '8888',
    GUID_PORT_8888_TCP: 'tcp://10.0.0.1:8888',
    GUID_PORT_8888_TCP_ADDR: '10.0.0.1',
    GUID_PORT_53_UDP_PROTO: 'udp',
    BILLING_PORT: 'udp://10.0.0.1:53',
  }
  const read = readSettings({ ...links, GATEWAY_PORT: '3000' }, envFile(t, ''))
  assert.deepEqual([...read.keys()], ['GATEWAY_PORT'])
  assert.equal(readSettings(links, envFile(t, 'GUID_PORT=8888')).get('GUID_PORT')?.value, '8888')
})

function sentencesOf(file: string): string[] {
  return envFileFaults(file).map(({ sentence }) => sentence)
}

function envFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-env-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, '.env')
  writeFileSync(file, text)
  return file
}
