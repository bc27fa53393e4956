import { setImmediate as turn } from 'node:timers/promises'
import type { Cache, Entry } from '@quintet/chassis/cache'
import type { RegisterCall, RegisterResult } from '../../checkers/register.ts'
import { createRecorder } from '../../history.ts'
import type { History } from '../../history.ts'

type TestedCache = Pick<Cache, 'read' | 'write'>
type Row = { value: string; version: number }

/** A resource in a slow store behind a cache. */
export function createResource({ cache, nextVersion }: { cache: TestedCache; nextVersion: () => number }) {
  let row: Row | undefined

  async function load(): Promise<Entry | undefined> {
    await someTurns()
    const found = row
    await someTurns()
    return found === undefined ? undefined : entryOf(found)
  }

  /** The change takes effect between two delays. */
  function change<T>(effect: () => T): Promise<T> {
    return cache.write(
      ['A'],
      async () => {
        await someTurns()
        const result = effect()
        await someTurns()
        return result
      },
      () => (row === undefined ? null : entryOf(row)),
    )
  }

  function set(value: string): RegisterResult {
    row = { value, version: nextVersion() }
    return { kind: 'written', version: String(row.version) }
  }

  return async (call: RegisterCall): Promise<RegisterResult> => {
    if (call.f === 'read') {
      const entry = await cache.read('A', load)
      if (entry === undefined) return { kind: 'absent' }
      return { kind: 'found', value: entry.text, version: String(entry.version) }
    }
    if (call.f === 'create') return change(() => (row === undefined ? set(call.value) : { kind: 'exists' }))
    return change(() => {
      if (row === undefined) return { kind: 'absent' }
      if (call.f !== 'delete' && call.f !== 'update') throw new Error(`there is no call ${call.f}`)
      if (call.ifMatch !== undefined && call.ifMatch !== String(row.version)) return { kind: 'mismatch' }
      if (call.f === 'update') return set(call.value)
      row = undefined
      return { kind: 'written' }
    })
  }
}

const entryOf = ({ value, version }: Row): Entry => ({
  version,
  expiresAtMs: Number.POSITIVE_INFINITY,
  text: value,
})

/** Stores every load, and deletes after the write. */
export function naiveCache(): TestedCache {
  const entries = new Map<string, Entry>()
  return {
    async read(key, load) {
      const entry = entries.get(key) ?? (await load())
      if (entry !== undefined) entries.set(key, entry)
      return entry
    },
    async write(keys, change) {
      const result = await change({})
      for (const key of keys) entries.delete(key)
      return result
    },
  }
}

/** Four clients that call a resource 50 times each. */
export async function runClients(execute: (call: RegisterCall) => Promise<RegisterResult>): Promise<History> {
  const recorder = createRecorder('register')
  let writes = 0
  const client = async (name: string) => {
    let version: string | undefined
    for (let i = 0; i < 50; i++) {
      const call = anyCall(() => `w${++writes}`, version)
      const complete = recorder.invoke(name, 'A', call)
      const result = await execute(call)
      complete('ok', result)
      if ('version' in result) version = result.version
    }
  }
  await Promise.all(['client 1', 'client 2', 'client 3', 'client 4'].map(client))
  return recorder.history()
}

function anyCall(nextValue: () => string, version: string | undefined): RegisterCall {
  const chance = Math.random()
  const condition = version === undefined || Math.random() < 0.5 ? {} : { ifMatch: version }
  if (chance < 0.5) return { f: 'read' }
  if (chance < 0.7) return { f: 'create', value: nextValue() }
  if (chance < 0.85) return { f: 'update', value: nextValue(), ...condition }
  return { f: 'delete', ...condition }
}

async function someTurns(): Promise<void> {
  for (let left = Math.floor(4 * Math.random()); left > 0; left--) await turn()
}
