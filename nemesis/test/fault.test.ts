import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fault, repeatedly } from '../faults/fault.ts'

test('A fault begins and ends as its functions do, synchronous or not, and may have no end', async (t) => {
  const seen: string[] = []
  const both = fault(
    'both',
    () => seen.push('begun'),
    async () => {
      await pause(1)
      seen.push('ended')
    },
  )
  for (const one of [both, both]) {
    await one.begin()
    await one.end()
  }
  await fault('momentary', () => {}).end()
  t.assert.deepEqual(seen, ['begun', 'ended', 'begun', 'ended'])
  await t.assert.rejects(fault('failing', () => Promise.reject(new Error('full'))).begin(), /full/)
})

test('What is repeated happens until its end, though an attempt fails, and not again after it', async (t) => {
  let attempts = 0
  const repeated = repeatedly('repeated', 2, () => {
    attempts += 1
    if (attempts === 2) throw new Error('gone')
  })
  await repeated.begin()
  while (attempts < 3) await pause(2)
  await repeated.end()
  const before = attempts
  await pause(20)
  t.assert.equal(attempts, before)
})
