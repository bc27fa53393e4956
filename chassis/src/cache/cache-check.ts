import { checkEach } from '../promises/index.ts'
import type { Check } from '../promises/index.ts'
import type { Entry } from './port.ts'

type Found = Entry | undefined | Promise<Entry | undefined>

/**
 * A check that what is read through a cache is what the database has: between two reads of the database, one by the cache must not be
 * older than the first and not newer than the second. Half of the sample are those that the check before has read, so that they are cached, and
 * were changed since by any process.
 */
export function checkCache<K extends string | number>({
  noun,
  pick,
  read,
  load,
}: {
  readonly noun: string
  pick(max: number): Promise<readonly K[]>
  /** By the cache, as the service reads it for clients. */
  read(key: K): Found
  /** From the database. */
  load(key: K): Found
}): Check {
  let cached: readonly K[] = []
  return checkEach({
    noun,
    kept: 'what is read through the cache is what the database has',
    async pick(max) {
      const fresh = await pick(Math.ceil(max / 2))
      const keys = [...cached.slice(0, Math.floor(max / 2)), ...fresh]
      cached = fresh
      return keys
    },
    async faultOf(key) {
      const before = await load(key)
      const served = await read(key)
      return faultBetween(before, served, await load(key))
    },
  })
}

function faultBetween(
  before: Entry | undefined,
  read: Entry | undefined,
  after: Entry | undefined,
): string | undefined {
  if (read === undefined)
    return before !== undefined && before.version === after?.version
      ? 'it is not found, although the database has it'
      : undefined
  if (before === undefined && after === undefined)
    return 'it is found, although the database does not have it'
  if (before !== undefined && read.version < before.version)
    return 'an older version is read than the database has'
  if (after !== undefined && read.version > after.version)
    return 'a later version is read than the database has'
  const same = [before, after].find((one) => one?.version === read.version)
  return same !== undefined && same.text !== read.text
    ? 'another content is read than the database has under the same version'
    : undefined
}
