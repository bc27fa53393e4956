import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { serviceNames, topology } from '@quintet/contracts/topology'
import { beanstalkCompose } from '../../deploy/aws/beanstalk-compose.ts'
import { root } from './processes.ts'

test('A bundle for Elastic Beanstalk has a container for each service, each with the settings of its service only', () => {
  const compose = beanstalkCompose('quintet:1', false)
  const containers = new Map(compose.split(/^ {2}(?=\w+:$)/m).map((text) => [/^\w+/.exec(text)?.[0], text]))
  for (const name of serviceNames)
    assert.match(containers.get(name) ?? '', new RegExp(`\\[start, ${name}\\]`))
  for (const [name, { storage }] of Object.entries(topology))
    for (const setting of Object.values(storage))
      assert.match(containers.get(name) ?? '', new RegExp(` ${setting}:\n`))
  assert.doesNotMatch(containers.get('gateway') ?? '', /DATABASE_URL|CERTIFICATES_KEY/)
  assert.doesNotMatch(containers.get('guid') ?? '', /CERTIFICATES|BILLING/)
  assert.equal(compose.match(/ports:/g)?.length, 1)
})

test('A bundle with a single container runs all services in it', () => {
  const compose = beanstalkCompose('quintet:1', true)
  assert.match(compose, /^ {2}quintet:\n.*\n {4}command: \[start\]$/m)
  assert.equal(compose.match(/<<: \*service/g)?.length, 2)
})

test('Elastic Beanstalk has two servers always', () => {
  const settings = readFileSync(
    new URL('deploy/aws/beanstalk/.ebextensions/servers.config', `file://${root}`),
    'utf8',
  )
  assert.match(settings, /MinSize: 2\n/)
  const template = readFileSync(new URL('deploy/aws/beanstalk.yaml', `file://${root}`), 'utf8')
  assert.match(template, /ServersMin:\n {4}Type: Number\n {4}MinValue: 2\n/)
})

test('The templates of AWS set each engine that a service can be on', () => {
  for (const file of globSync('deploy/aws/{ecs,beanstalk}.yaml', { cwd: root })) {
    const template = readFileSync(new URL(file, `file://${root}`), 'utf8')
    for (const { storage } of Object.values(topology))
      for (const setting of Object.values(storage)) assert.match(template, new RegExp(`\\b${setting},`), file)
  }
})

test('A bundle of no image is refused', () => {
  for (const words of [
    [],
    ['--image', 'quintet'],
    ['--image', 'registry:5000/quintet'],
    ['--image', 'quintet:1"\nx:'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, ['deploy/aws/bundle.ts', ...words], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, /^--image must be the name of an image with its tag or digest\./)
  }
})
