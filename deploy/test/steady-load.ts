import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Sends reads and writes to a gateway at a steady rate until SIGTERM, on connections that stay open and on new ones:
 *
 *   node deploy/test/steady-load.ts http://127.0.0.1:3000 50
 *
 * Prints how many there were and each failure; ends with 1 if there was one.
 */

const requestTimeoutMs = 10_000

const [url = '', rate = '50'] = process.argv.slice(2)
const keptOpen = new Agent({ keepAlive: true, maxSockets: 20 })
const requests: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['GET', '/api/movies'],
  ['POST', '/guid', { user: 'ada' }],
  ['GET', '/guids'],
  ['POST', '/api/billing', { user_id: '3', number_of_items: '5', total_amount: '180' }],
]

let isEnding = false
process.once('SIGTERM', () => {
  isEnding = true
})

const failures = new Map<string, number>()
const inFlight = new Set<Promise<void>>()
let sent = 0
const startedAt = performance.now()
while (!isEnding) {
  const one = send(sent).catch((error: Error) => {
    failures.set(error.message, (failures.get(error.message) ?? 0) + 1)
  })
  inFlight.add(one)
  void one.then(() => inFlight.delete(one))
  sent += 1
  await sleep(Math.max(0, startedAt + (sent * 1_000) / Number(rate) - performance.now()))
}
await Promise.all(inFlight)
keptOpen.destroy()
const failed = [...failures.values()].reduce((sum, count) => sum + count, 0)
process.stdout.write(`${failed} of ${sent} requests failed\n`)
for (const [failure, count] of failures) process.stdout.write(`  ${count} ${failure}\n`)
process.exitCode = sent > 0 && failed === 0 ? 0 : 1

/** Rejects unless the response is complete and has a status of success. */
function send(index: number): Promise<void> {
  const [method, path, body] = requests[index % requests.length] ?? ['GET', '/health']
  const isOnNewConnection = Math.floor(index / requests.length) % 2 === 0
  const name = `${method} ${path} on ${isOnNewConnection ? 'a new' : 'an open'} connection`
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${name}: ${reason}`))
    const exchange = request(
      new URL(path, url),
      {
        method,
        agent: isOnNewConnection ? false : keptOpen,
        signal: AbortSignal.timeout(requestTimeoutMs),
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
      },
      (response) => {
        response.on('error', ({ message }) => fail(message))
        response.on('end', () => {
          const { statusCode = 0 } = response
          if (statusCode >= 200 && statusCode < 300) resolve()
          else fail(`${statusCode}`)
        })
        response.resume()
      },
    )
    exchange.on('error', ({ message }) => fail(message))
    exchange.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
