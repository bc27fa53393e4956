import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '@quintet/chassis/testing/sockets'
import { dataFolder, run } from '../system/processes.ts'

/**
 * Goal: a restart fails no request. Method: clients on keep-alive connections read and write without a pause, while processes are ended by
 * SIGTERM and started again; a client notes whatever is not the response that it expects.
 */

const graceMs = 4_000
const settings = { LOG_LEVEL: 'warn', SHUTDOWN_GRACE_MS: String(graceMs) }

/** A request on a kept connection: the status, and whether the response is the last on it. Rejects if there is no whole response. */
function ask(agent: Agent, method: string, url: string, body?: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    isLast: boolean
    text: string
  }>()
  const headers =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
  const outgoing = request(url, { agent, method, headers }, async (response) => {
    try {
      const text = Buffer.concat(await response.toArray()).toString()
      resolve({ status: response.statusCode ?? 0, isLast: response.headers.connection === 'close', text })
    } catch (error) {
      reject(error)
    }
  })
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

/** Clients that read and write until they are stopped, or see that the service is not ready. */
function startClients(t: TestContext, address: string, mayGo: () => boolean) {
  const seen = { reads: 0, writes: 0, last: 0, failures: [] as string[] }
  let isOver = false
  t.after(() => {
    isOver = true
  })
  const clients = Array.from({ length: 12 }, async (_, client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    let movie = ''
    while (!isOver && !mayGo()) {
      const isWrite = movie === '' || client % 2 === 0
      try {
        const { status, isLast, text } = isWrite
          ? await ask(
              agent,
              'POST',
              `${address}/api/movies`,
              '{"title":"Metropolis","description":"Two halves."}',
            )
          : await ask(agent, 'GET', `${address}/api/movies/${movie}`)
        if (isLast) seen.last += 1
        if (status !== (isWrite ? 201 : 200))
          seen.failures.push(`${isWrite ? 'POST' : 'GET'} ${status} ${text}`)
        else if (isWrite) movie = String(JSON.parse(text).id)
        seen[isWrite ? 'writes' : 'reads'] += 1
      } catch (error) {
        seen.failures.push(`${isWrite ? 'POST' : 'GET'} ${error}`)
      }
    }
  })
  return {
    seen,
    async stop() {
      isOver = true
      await Promise.all(clients)
    },
  }
}

test('Replicas behind the gateway are restarted one after the other under load, and no request fails', async (t) => {
  const DATA_DIR = dataFolder(t)
  const ports = [await freePort(), await freePort()]
  const start = async (port: number) => {
    const process = run(t, ['services/inventory/src/main.ts'], {
      ...settings,
      DATA_DIR,
      CACHE_URL: 'none:',
      INVENTORY_PORT: String(port),
    })
    await process.address('inventory')
    return process
  }
  const replicas = [await start(ports[0] ?? 0), await start(ports[1] ?? 0)]
  const gateway = await run(t, ['services/gateway/src/main.ts'], {
    LOG_LEVEL: 'warn',
    DATA_DIR,
    INVENTORY_URL: ports.map((port) => `http://127.0.0.1:${port}`).join(),
  }).address('gateway')
  const { seen, stop } = startClients(t, gateway, () => false)
  while (seen.writes < 200) await pause(10)
  let restarts = 0
  for (const [at, port] of ports.entries()) {
    assert.equal(await replicas[at]?.kill('SIGTERM'), 0)
    await start(port)
    restarts += 1
    // The gateway uses it again once it has seen that it is ready.
    await pause(2_000)
  }
  await stop()
  t.diagnostic(`${seen.reads + seen.writes} requests during ${restarts} restarts`)
  assert.deepEqual(seen.failures, [])
  assert.ok(seen.reads > 200 && seen.writes > 200, JSON.stringify(seen))
})

test('A process that closes serves clients on kept connections until they have gone, and no request fails', async (t) => {
  const inventory = run(t, ['services/inventory/src/main.ts'], { ...settings, DATA_DIR: dataFolder(t) })
  const address = await inventory.address('inventory')
  let isReady = true
  const { seen, stop } = startClients(t, address, () => !isReady)
  while (seen.writes < 200) await pause(10)
  assert.equal(seen.last, 0)
  const startedAt = performance.now()
  const ended = inventory.kill('SIGTERM')
  // As a balancer does, which notices late.
  while ((await fetch(`${address}/health/ready`)).status === 200) await pause(50)
  const noticedMs = performance.now() - startedAt
  const before = { ...seen, requests: seen.reads + seen.writes }
  await pause(1_000)
  isReady = false
  await stop()
  assert.equal(await ended, 0)
  const endedMs = performance.now() - startedAt
  t.diagnostic(
    `${seen.reads + seen.writes} requests, ${seen.last} of them on connections that were then closed`,
  )
  assert.deepEqual(seen.failures, [])
  assert.ok(noticedMs < 1_000, `not ready after ${noticedMs} ms`)
  const during = seen.reads + seen.writes - before.requests
  assert.ok(during > 20 && seen.last - before.last >= during, `${seen.last} of ${during}`)
  assert.ok(endedMs >= graceMs && endedMs < graceMs + 10_000, `it ended after ${endedMs} ms`)
})
