import type { StorageName } from '@quintet/backends'
import { absentStandby, flushedRedis, swappedEngine, terminatedSessions } from '../faults/engine-faults.ts'
import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'
import { startFaultyEngine } from '../faults/faulty-engine.ts'
import type { FaultyEngine } from '../faults/faulty-engine.ts'
import { networkFaults } from '../faults/network-faults.ts'
import { stalledDisk, stallSkipReason } from '../faults/process-faults.ts'
import { named } from './named.ts'

/** An engine with all that can happen to it. */
type Engine = FaultyEngine & { readonly faults: readonly Fault[] }

export async function startEngine(name: StorageName): Promise<Engine> {
  const started = await startFaultyEngine(name)
  const { engine, proxy } = started
  const faults = [
    fault('kill', engine.kill, engine.restart),
    fault('stop', engine.pause, engine.resume),
    ...networkFaults(proxy),
    ...(stallSkipReason() === false && name !== 'redis' ? [stalledDisk(engine.processIds)] : []),
    ...(name === 'postgres' ? [absentStandby(started)] : []),
    ...(['postgres', 'mysql', 'amqp'].includes(name) ? [terminatedSessions(started)] : []),
  ]
  return { ...started, faults: faults.map((one) => named(name, one)) }
}

/** With another server, to which the address can lead. */
export async function startRedis(): Promise<Engine> {
  const redis = await startEngine('redis')
  const other = await startFaultyEngine('redis')
  const faults = [flushedRedis(redis), swappedEngine(redis, other.engine)]
  return {
    ...redis,
    faults: [...redis.faults, ...faults.map((one) => named('redis', one))],
    async close() {
      await redis.close()
      await other.close()
    },
  }
}
