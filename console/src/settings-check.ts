import { TimeoutError, withTimeout } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import type { ObservedService } from './parts.ts'
import type { PromiseCheck } from './wire/index.ts'

const timeoutMs = 15_000

/**
 * The check that the settings of the engines of a service weaken no guarantee, which is what `quintet doctor` examines. It opens
 * connections of its own, so that it is made on request only.
 */
export function createSettingsCheck(
  { name, examine }: Pick<ObservedService, 'name' | 'examine'>,
  clock: Clock,
) {
  const id = 'settings'
  let state: PromiseCheck = {
    id,
    service: name,
    title: 'No setting of an engine weakens a guarantee.',
    guarantee: 'docs/guarantees.md#the-same-on-postgresql-mysql-dynamodb-redis-and-rabbitmq',
    command: `npm run quintet doctor`,
    ...{ verdict: 'unknown', found: 'It was not checked yet.', sample: 0, at: null, durationMs: null },
  }

  async function look(): Promise<Pick<PromiseCheck, 'verdict' | 'found' | 'sample'>> {
    try {
      const findings = await withTimeout(timeoutMs, examine())
      const faults = findings.filter(({ verdict }) => verdict === 'broken' || verdict === 'weak')
      const sample = findings.length
      if (faults.length > 0)
        return { verdict: 'broken', found: faults.map(({ text }) => text).join(' '), sample }
      return {
        verdict: 'kept',
        found: `${sample} findings, and none of a setting that weakens a guarantee.`,
        sample,
      }
    } catch (error) {
      const found = error instanceof TimeoutError ? error.message : 'The engines could not be examined.'
      return { verdict: 'unknown', found, sample: 0 }
    }
  }

  const check = createShared(async () => {
    const startedAt = performance.now()
    const found = await look()
    state = { ...state, ...found, at: clock.now(), durationMs: performance.now() - startedAt }
    return state
  })
  return { id, state: () => state, check }
}
