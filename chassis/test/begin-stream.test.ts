import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setDecision } from '@quintet/chassis/guard'
import { beginStream } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from './manual-clock.ts'
import { principalOf } from './limits-world.ts'
import { listenOn } from './sockets.ts'

const startMs = Date.UTC(2030, 0, 1)

test('A stream of a principal ends with its credential, and after five minutes at the latest', async (t) => {
  await Promise.all(
    (
      [
        [undefined, 300_000],
        [startMs + 20_000, 20_000],
        [startMs + 300_001, 300_000],
        [startMs - 1, 0],
      ] as const
    ).map(([expiresAt, endsAfterMs]) => checkEnd(t, expiresAt, endsAfterMs)),
  )
})

async function checkEnd(t: TestContext, expiresAt: number | undefined, endsAfterMs: number): Promise<void> {
  const manual = createManualClock(startMs)
  let looks = 0
  const clock = {
    now() {
      looks += 1
      return manual.now()
    },
  }
  let isEnded = false
  const server = createServer((request, response) => {
    const client = { address: '192.0.2.1', key: '192.0.2.1' }
    const principal = principalOf('key:ci', { expiresAt })
    const admitted = { fields: [], instead: undefined, release: undefined, hasOwners: true }
    setDecision(request, { client, principal, ...admitted })
    const end = () => {
      isEnded = true
      response.end('end')
    }
    beginStream(response, { clock, end })
    response.write('begin ')
  })
  const response = await fetch(`http://127.0.0.1:${await listenOn(t, server)}`)
  const looked = async () => {
    const before = looks
    await until(() => looks >= before + 4)
  }
  if (endsAfterMs > 0) {
    manual.advance(endsAfterMs - 1)
    await looked()
    assert.equal(isEnded, false)
    manual.advance(1)
  }
  assert.equal(await response.text(), 'begin end')
  const before = looks
  await once(server.close(), 'close')
  assert.equal(looks, before)
}

test('A stream of nobody in particular has no end', async (t) => {
  const clock = {
    now() {
      throw new Error('The time does not matter.')
    },
  }
  const server = createServer((_, response) => {
    beginStream(response, { clock, end: () => response.end('too early') })
    response.end('begin')
  })
  const response = await fetch(`http://127.0.0.1:${await listenOn(t, server)}`)
  assert.equal(await response.text(), 'begin')
})
