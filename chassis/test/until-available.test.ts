import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { HandlingStopped, untilAvailable } from '@quintet/chassis/queue'
import { createFailureLog } from '@quintet/chassis/telemetry'

const waiting = { stopping: new AbortController().signal, log: createFailureLog(undefined, { failing: '' }) }

/** Work that rejects with these errors, one after the other, and then succeeds. */
function failing(...errors: readonly Error[]) {
  let calls = 0
  return {
    calls: () => calls,
    async work() {
      const error = errors[calls++]
      if (error !== undefined) throw error
    },
  }
}

test('the work of a message is repeated while what it needs is unavailable', async (t: TestContext) => {
  const unknown = new AppError('outcome_unknown', 'The response was lost.')
  const { work, calls } = failing(dependencyDown('away'), unknown, new AppError('overloaded', 'full'))
  await untilAvailable(work, waiting)
  t.assert.equal(calls(), 4)
})

test('any other failure is that of the message, and is not repeated', async (t: TestContext) => {
  for (const error of [new Error('defect'), new AppError('not_found', 'gone')]) {
    const { work, calls } = failing(error)
    await t.assert.rejects(untilAvailable(work, waiting), error)
    t.assert.equal(calls(), 1)
  }
})

test('stopping ends the wait, which is no failure of the message', async (t: TestContext) => {
  const stopping = new AbortController()
  const away = dependencyDown('away')
  const ended = untilAvailable(() => Promise.reject(away), { ...waiting, stopping: stopping.signal })
  stopping.abort()
  await t.assert.rejects(ended, (error) => error instanceof HandlingStopped && error.cause === away)
})
