import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '@quintet/chassis/config'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { consoleSettings, modeOf } from '@quintet/console/config'
import { token } from './world.ts'

const faults = (values: Record<string, string>) => faultsOf(consoleSettings, settingsOf(values))

test('What others reach needs a token or authentication, or a start ends with a sentence', () => {
  const sentence =
    'CONSOLE_HOST is 0.0.0.0, which others reach, but nothing says who may use the console: set CONSOLE_TOKEN, or AUTH to required, or CONSOLE_HOST to 127.0.0.1.'
  const open = { CONSOLE_HOST: '0.0.0.0' }
  assert.deepEqual(faults(open), [sentence])
  assert.deepEqual(faults({ ...open, CONSOLE: 'read' }), [sentence])
  assert.deepEqual(faults({ ...open, CONSOLE: 'off' }), [])
  assert.deepEqual(faults({ ...open, CONSOLE_TOKEN: token }), [])
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
    assert.deepEqual(faults({ CONSOLE_HOST: host }), [], host)
})

test('A token of the console is long, and no fault shows it', () => {
  const [fault = '', ...others] = faults({ CONSOLE_TOKEN: 'short-secret' })
  assert.deepEqual(others, [])
  assert.match(fault, /^CONSOLE_TOKEN must be empty, or 32 to 512 characters/)
  assert.doesNotMatch(fault, /short-secret/)
})

test('Hosts and addresses of services are lists without more', () => {
  const CONSOLE_TOKEN = 'x'.repeat(32)
  assert.deepEqual(faults({ CONSOLE_TOKEN, CONSOLE_HOSTS: 'console.example.com, 10.0.0.7, [fd00::7]' }), [])
  for (const hosts of ['https://console.example.com', 'console.example.com:3001', 'a b', '-'])
    assert.match(
      faults({ CONSOLE_HOSTS: hosts }).join(),
      /^CONSOLE_HOSTS must be a list of host names/,
      hosts,
    )
  assert.deepEqual(faults({ GUID_URL: 'http://one:8888, https://[fd00::7]:8888' }), [])
  for (const url of ['one:8888', 'http://one/path', 'http://user@one', 'http://one:99999'])
    assert.match(faults({ GUID_URL: url }).join(), /^GUID_URL must be an address like/, url)
})

test('The console acts where only this machine reaches it, and reads elsewhere, unless a setting says so', () => {
  const of = (CONSOLE: '' | 'full' | 'read' | 'off', CONSOLE_HOST: string) =>
    modeOf({ CONSOLE, CONSOLE_HOST })
  assert.equal(of('', '127.0.0.1'), 'full')
  assert.equal(of('', '0.0.0.0'), 'read')
  assert.equal(of('full', '0.0.0.0'), 'full')
  assert.equal(of('read', '127.0.0.1'), 'read')
  const CONSOLE_HOSTS = 'console.example.com'
  assert.equal(modeOf({ CONSOLE: '', CONSOLE_HOST: '127.0.0.1', CONSOLE_HOSTS }), 'read')
})

test('A name by which others reach the console, as through a proxy on this machine, needs a token or authentication', () => {
  const CONSOLE_HOSTS = 'console.example.com'
  const [fault = '', ...others] = faults({ CONSOLE_HOSTS })
  assert.deepEqual(others, [])
  assert.match(fault, /^CONSOLE_HOSTS is console\.example\.com, which others reach/)
  assert.deepEqual(faults({ CONSOLE_HOSTS, CONSOLE: 'off' }), [])
  assert.deepEqual(faults({ CONSOLE_HOSTS: 'localhost, 127.0.0.2' }), [])
})
