import type { Clock } from '../../clock/index.ts'
import type { Statement } from '../../database/index.ts'
import type { Message } from '../port.ts'
import type { SqliteStorage } from './storage.ts'

/** Fails its unit when the queue is full. */
export function publishStatement(
  { statements }: SqliteStorage,
  clock: Clock,
  { queue, message, limit }: { queue: string; message: Message; limit: number },
): Statement {
  const { id, key, body, headers } = message
  const publish = statements.publish({
    queue,
    message_id: id,
    key: key === '' ? null : key,
    body,
    headers: headers === undefined ? null : JSON.stringify(headers),
    at: clock.now(),
    limit,
  })
  return { ...publish, mustAffectRows: true }
}
