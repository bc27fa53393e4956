import type { ServerResponse } from 'node:http'
import { createSlowLane } from '../concurrency/index.ts'

/**
 * Bounds the large responses of a process that their clients have not read yet, which fill its memory: when there are more than `max`, the
 * oldest of the client that has most of them is cut. The function is called before the response is sent.
 */
export function boundUnread(max: number): (client: string, raw: ServerResponse) => void {
  const unread = createSlowLane(max)
  return (client, raw) => {
    const member = { client, cut: () => raw.destroy() }
    raw.once('prefinish', () => {
      unread.enter(member)
      raw.once('close', () => unread.leave(member))
    })
  }
}
