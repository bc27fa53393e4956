import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createEventLoopDelay } from '../../src/http/event-loop-delay.ts'

/** Keeps the event loop from running for so long. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('An event loop that is late once has no delay, and one that stays late has', async (t) => {
  const delay = createEventLoopDelay()
  t.after(delay.stop)
  block(2_500)
  await pause(20)
  assert.ok(delay.delayMs() < 1_000, `${delay.delayMs()} ms`)
  for (let turn = 0; turn < 4; turn += 1) {
    block(1_500)
    await pause(1)
  }
  assert.ok(delay.delayMs() >= 1_000, `${delay.delayMs()} ms`)
})
