import { createLinkedList } from './linked-list.ts'
import type { Linked, LinkedList } from './linked-list.ts'

/** A request in a lane. */
export interface Member extends Linked<Member> {
  /** Who sent it, for its share of the lane. */
  readonly client: string
  /** Ends the request, which has left the lane already. */
  cut(): void
}

/** Holds requests up to a limit. */
export type Lane = {
  count(): number
  /** Why a request of this client cannot enter; undefined if it can. */
  refusal(client: string): 'full' | 'share' | undefined
  enter(member: Member): void
  leave(member: Member): void
}

/** A lane for requests whose duration depends on the service: one client has at most a share of the places, and no request is cut. */
export function createPromptLane({ max, sharePercent }: { max: number; sharePercent: number }): Lane {
  const shareMax = Math.max(1, Math.floor((max * sharePercent) / 100))
  const held = new Map<string, number>()
  let count = 0
  return {
    count: () => count,
    refusal(client) {
      if (count >= max) return 'full'
      return (held.get(client) ?? 0) >= shareMax ? 'share' : undefined
    },
    enter({ client }) {
      count += 1
      held.set(client, (held.get(client) ?? 0) + 1)
    },
    leave({ client }) {
      count -= 1
      const left = (held.get(client) ?? 0) - 1
      if (left > 0) held.set(client, left)
      else held.delete(client)
    },
  }
}

/**
 * A lane for requests whose duration depends on the client. It admits all of them: when it is full, the oldest request of the
 * client with the most requests is cut. So slow clients displace each other, and quick ones finish first.
 */
export function createSlowLane(max: number): Lane {
  const byClient = new Map<string, LinkedList<Member>>()
  let count = 0

  function leave(member: Member): void {
    const members = byClient.get(member.client)
    if (members?.remove(member) !== true) return
    count -= 1
    if (members.size() === 0) byClient.delete(member.client)
  }

  function cutOne(): void {
    let most: LinkedList<Member> | undefined
    for (const members of byClient.values()) if (members.size() > (most?.size() ?? 0)) most = members
    const oldest = most?.first()
    if (oldest === undefined) return
    leave(oldest)
    oldest.cut()
  }

  return {
    count: () => count,
    refusal: () => undefined,
    enter(member) {
      if (count >= max) cutOne()
      count += 1
      const members = byClient.get(member.client) ?? createLinkedList<Member>()
      members.add(member)
      byClient.set(member.client, members)
    },
    leave,
  }
}
