import { openSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '@quintet/chassis/clock'
import { createLogger } from '@quintet/chassis/telemetry'
import { openQuotaStore } from '../../chassis/src/guard/quota-table.ts'
import { createQuotas } from '../../chassis/src/guard/quotas.ts'

/** Spends a quota as a gateway does, and appends a byte to a file for each unit, until none is left. */

const [, , url = '', file = '', quota = ''] = process.argv
const unit = {
  key: 'gateway:monthly:key:a',
  policy: { quota: Number(quota), cost: 1, period: 'month' as const },
}
const quotas = createQuotas({
  open: () => openQuotaStore(url),
  clock: systemClock,
  logger: createLogger({ service: 'spender', level: 'silent' }),
})
const spent = openSync(file, 'a')
while ((await quotas.spend(unit)).isAdmitted) {
  writeSync(spent, '.')
  await nextTurn()
}
await quotas.close()
