import { checkEach } from './check-each.ts'
import type { EachCheck } from './check-each.ts'
import type { Check } from './port.ts'

const rememberedMax = 1_000

/**
 * A check that versions never go back: those that an earlier check has read are compared with those of now. `versionOf` reads one from
 * the database, undefined where there is no such thing any more.
 */
export function checkVersions<K extends string | number>({
  noun,
  pick,
  versionOf,
}: Pick<EachCheck<K>, 'noun' | 'pick'> & {
  versionOf(key: K): Promise<number | undefined>
}): Check {
  const seen = new Map<K, number>()

  function remember(key: K, version: number): void {
    seen.delete(key)
    seen.set(key, version)
    const [oldest] = seen.keys()
    if (seen.size > rememberedMax && oldest !== undefined) seen.delete(oldest)
  }

  return checkEach({
    noun,
    kept: 'no version is lower than one that was seen before',
    async pick(max) {
      // Those that were not checked for longest come first.
      return [...[...seen.keys()].slice(0, Math.floor(max / 2)), ...(await pick(Math.ceil(max / 2)))]
    },
    async faultOf(key) {
      const before = seen.get(key)
      const version = await versionOf(key)
      if (version === undefined) return undefined
      if (before !== undefined && version < before) return 'its version is lower than one that it had before'
      remember(key, version)
      return undefined
    },
  })
}
