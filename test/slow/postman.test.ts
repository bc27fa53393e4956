import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCollection, startSystem } from './newman.ts'

test('The Postman collection passes on a new system, and again on the same', async (t) => {
  const { words } = await startSystem(t)
  for (let i = 0; i < 2; i++)
    assert.match(await runCollection(t, words), /DELETE http:\S+\/api\/movies \[200 OK/)
})

test('While the market is open a form order is executed, and its duplicate gets 425', async (t) => {
  const { words } = await startSystem(t, { MARKET_OPEN: '00:00', MARKET_CLOSE: '00:00' })
  const printed = await runCollection(t, [...words, '--folder', 'brokerage by forms'])
  assert.match(printed, /orders \[200 OK[\s\S]*orders \[425 /)
})
