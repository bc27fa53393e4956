import { timingSafeEqual } from 'node:crypto'
import type { BlockList } from 'node:net'
import type { Clock } from '../clock/index.ts'
import { parseNetworks } from '../config/index.ts'
import type { WatchedFile } from '../files/index.ts'
import { hashOf, idOfKey, parseApiKeys } from './api-key-file.ts'
import { isListed } from './client.ts'
import type { Client, Principal } from './context.ts'

type Entry = {
  readonly hash: Buffer
  readonly principal: Principal
  readonly allow: BlockList | undefined
}

type KeyEntries = ReadonlyMap<string, Entry>

/** Why a key is not accepted: it is none, or it may not be used from the address of the client. */
type KeyFault = 'key' | 'address'

/** The keys of a file by id, ready to be compared. */
export function readKeyEntries(content: string): KeyEntries {
  return new Map(
    parseApiKeys(content).map(({ id, sha256, scopes, plan, expires, allow }) => [
      id,
      {
        hash: Buffer.from(sha256, 'hex'),
        principal: {
          id: `key:${id}`,
          kind: 'key',
          scopes: new Set(scopes),
          plan,
          expiresAt: expires === undefined ? undefined : Date.parse(expires),
        },
        allow: allow && parseNetworks(allow.join(',')),
      },
    ]),
  )
}

/** Finds out whose API key it is. An unknown id takes as long as a wrong key. */
export function createKeyCheck(
  file: WatchedFile<KeyEntries>,
  clock: Clock,
): (key: string, client: Client) => Principal | KeyFault {
  return (key, { address }) => {
    const id = idOfKey(key)
    if (id === undefined) return 'key'
    const entry = file.current().get(id)
    const isEqual = timingSafeEqual(hashOf(key), entry?.hash ?? noHash)
    if (entry === undefined || !isEqual) return 'key'
    const { principal, allow } = entry
    if (principal.expiresAt !== undefined && clock.now() >= principal.expiresAt) return 'key'
    if (allow !== undefined && !isListed(allow, address)) return 'address'
    return principal
  }
}

const noHash = Buffer.alloc(32)
