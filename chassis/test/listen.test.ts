import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { addressOf } from '../src/http/index.ts'
import { startFaults } from '../src/http/start-faults.ts'

test('A service listens on the host of all services, or on one of its own', () => {
  const values = { HOST: '127.0.0.1', GATEWAY_HOST: '0.0.0.0', GATEWAY_PORT: 3000, GUID_PORT: 8888 }
  assert.deepEqual(addressOf('guid', values), {
    service: 'guid',
    host: '127.0.0.1',
    port: 8888,
    portSetting: 'GUID_PORT',
    hostSetting: 'HOST',
  })
  assert.deepEqual(addressOf('gateway', values), {
    service: 'gateway',
    host: '0.0.0.0',
    port: 3000,
    portSetting: 'GATEWAY_PORT',
    hostSetting: 'GATEWAY_HOST',
  })
  assert.equal(addressOf('guid', {}), undefined)
})

test('A start that cannot listen names the setting of the host', async () => {
  // Of the block for documentation, which no machine has.
  const values = { HOST: '127.0.0.1', GATEWAY_HOST: '192.0.2.1', GATEWAY_PORT: 0 }
  assert.deepEqual(await startFaults([{ name: 'gateway', values }]), [
    'GATEWAY_HOST is 192.0.2.1, but this machine has no such address.',
  ])
  const shared = { ...values, HOST: '192.0.2.1' }
  assert.deepEqual(await startFaults([{ name: 'gateway', values: shared }]), [
    'HOST is 192.0.2.1, but this machine has no such address.',
  ])
})

test('A start that cannot listen on the port of redirects names its setting', async (t) => {
  const server = createServer()
  const taken = await listenOn(t, server)
  const values = { HOST: '127.0.0.1', GATEWAY_PORT: 0, GATEWAY_HTTP_PORT: taken }
  const [fault = '', ...more] = await startFaults([{ name: 'gateway', values }])
  assert.match(fault, /another program does. Stop that program, or set GATEWAY_HTTP_PORT to another port/)
  assert.deepEqual(more, [])
})
