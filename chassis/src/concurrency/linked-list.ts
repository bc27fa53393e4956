/** A member of a list, which the list alone changes. */
export interface Linked<T> {
  before?: T | undefined
  after?: T | undefined
  list?: LinkedList<T> | undefined
}

export type LinkedList<T> = {
  first(): T | undefined
  size(): number
  add(member: T): void
  /** Whether it was a member. */
  remove(member: T): boolean
}

/**
 * A list in the order of adding, from which any member can be removed at once. A Set would do, but V8 keeps the tables that a Set
 * has outgrown, and with them what was in the Set at that time: under load that is every request, until the next full collection.
 */
export function createLinkedList<T extends Linked<T>>(): LinkedList<T> {
  let first: T | undefined
  let last: T | undefined
  let size = 0
  const list: LinkedList<T> = {
    first: () => first,
    size: () => size,
    add(member) {
      member.list = list
      member.before = last
      if (last === undefined) first = member
      else last.after = member
      last = member
      size += 1
    },
    remove(member) {
      if (member.list !== list) return false
      const { before, after } = member
      if (before === undefined) first = after
      else before.after = after
      if (after === undefined) last = before
      else after.before = before
      // A removed member must not keep others alive either.
      member.list = undefined
      member.before = undefined
      member.after = undefined
      size -= 1
      return true
    },
  }
  return list
}
