import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { withTimeout } from '../../clock/index.ts'
import type { Deadline } from '../../clock/index.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import type { Cache, CacheOptions, Entry, Load, ReadResult, WriteResult } from '../port.ts'
import { openRedisConnection } from './connection.ts'
import type { Generation } from './connection.ts'
import { createRedisReads } from './read-batcher.ts'
import type { CachedValue } from './read-batcher.ts'

/** A write must have taken effect within this after its marker was set, which then stands for long enough for any clock. */
const writeWithinMs = 5_000
const markerMs = 30_000
const leaseMs = 3_000
/** After so long for the last writes of a former generation to have taken effect, or to have been refused. */
const quarantineMsDefault = 8_000
const beginWithinMs = 400
const sweepIntervalMs = 30_000
const keysPerSweep = 500

/**
 * The cache of several processes, in Redis, coherent by markers and fill leases (docs/decisions). A writer marks its keys,
 * then changes the database by a statement that must take effect while the markers stand, then leaves what it wrote. A
 * reader takes what is there, or a lease to fill what is not. While Redis is away or slow reads go past it; writes are refused, since
 * others may hold what they would change.
 */
export function openRedisCache(url: string, options: CacheOptions): Cache {
  const { clock, namespace, valueTtlMs = 60_000, absentTtlMs = 5_000, flightWaitMs = 100 } = options
  if (namespace === undefined) throw new Error('A cache in Redis needs a namespace.')
  const link = openRedisConnection(url, namespace, options.quarantineMs ?? quarantineMsDefault)
  const { client } = link
  const { look, soon, isSlow, close: stopReads } = createRedisReads(link)
  const reads: Record<ReadResult, number> = { hit: 0, miss: 0, wait: 0, busy: 0, bypass: 0 }
  const writes: Record<WriteResult, number> = { ok: 0, contended: 0, failed: 0 }
  const ending = new Set<Promise<unknown>>()
  let closed = false
  const sweeping = setInterval(() => void sweep().catch(() => {}), sweepIntervalMs).unref()
  let cursor = '0'

  function read(key: string, load: Load): ReturnType<Load> {
    const generation = link.current()
    if (generation === undefined || closed || isSlow()) return pass('bypass', load)
    return new Promise((resolve, reject) => {
      const full = generation.prefix + key
      const taker = (held: CachedValue) => {
        try {
          resolve(find(generation, full, held, load))
        } catch (error) {
          reject(error)
        }
      }
      look({ generation, key: full, taker })
    })
  }

  function find(generation: Generation, key: string, held: CachedValue, load: Load): ReturnType<Load> {
    if (held === undefined) return pass('bypass', load)
    if (isAnswer(held)) return answer('hit', held, load)
    return ask(generation, key, load)
  }

  async function ask(generation: Generation, key: string, load: Load): Promise<Entry | undefined> {
    if (link.current() !== generation) return pass('bypass', load)
    const token = newToken()
    const granted = await soon(client.lease(generation, key, token, leaseMs, generation.quarantineEndsAt))
    if (granted === 'MISS') return fill(generation, key, token, load)
    if (granted !== undefined && granted !== null && isAnswer(granted)) return answer('hit', granted, load)
    if (granted === 'WAIT') return wait(generation, key, load)
    if (granted === 'GONE') void link.learn().catch(() => {})
    return pass(granted === 'BUSY' ? 'busy' : 'bypass', load)
  }

  /** The entry, unless its end has come by the clock of the service, which is then what it loads. */
  function answer(result: ReadResult, text: string, load: Load): ReturnType<Load> {
    if (text === absent) {
      reads[result] += 1
      return undefined
    }
    const entry = decode(text)
    if (clock.now() >= entry.expiresAtMs) return pass('bypass', load)
    reads[result] += 1
    return entry
  }

  function pass(result: ReadResult, load: Load): ReturnType<Load> {
    reads[result] += 1
    const loaded = load()
    return loaded instanceof Promise ? loaded.then(living) : living(loaded)
  }

  function living(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && clock.now() < entry.expiresAtMs ? entry : undefined
  }

  async function fill(
    generation: Generation,
    key: string,
    token: string,
    load: Load,
  ): Promise<Entry | undefined> {
    reads.miss += 1
    let filling = nothing
    try {
      const entry = living(await load())
      filling = kept(entry ?? null)
      return entry
    } finally {
      track(client.fill(generation, key, token, filling.text, filling.ttlMs))
    }
  }

  /** Another reader loads. What it brings counts for this one only as something that it finds there itself. */
  async function wait(generation: Generation, key: string, load: Load): Promise<Entry | undefined> {
    for (const until = performance.now() + flightWaitMs; performance.now() < until; ) {
      await pause(5 + 15 * Math.random())
      // Another connection may lead to another Redis, which has not been looked at yet.
      if (link.current() !== generation) break
      const held = await soon(client.get(key))
      if (held === undefined || held === null) break
      if (isAnswer(held)) return answer('wait', held, load)
    }
    return pass('bypass', load)
  }

  async function write<T>(
    keys: readonly string[],
    change: (deadline: Deadline) => Promise<T>,
    entryOf: (result: T, key: string) => Entry | null | undefined,
  ): Promise<T> {
    const token = newToken()
    const { generation, before } = await begin(keys, token)
    let left: Left = leftNothing
    let marked = keys
    try {
      const result = await change({ before })
      const entries = new Map(keys.map((key) => [key, entryOf(result, key)]))
      left = (key) => {
        const entry = entries.get(key)
        return entry === undefined ? nothing : kept(entry)
      }
      return result
    } catch (error) {
      writes.failed += 1
      // What may still take effect keeps its markers, and readers at the database, until they end.
      if (error instanceof AppError && error.code === 'outcome_unknown') marked = []
      throw error
    } finally {
      end(generation, marked, token, left)
    }
  }

  async function begin(
    keys: readonly string[],
    token: string,
  ): Promise<{ generation: Generation; before: number }> {
    for (let tries = 2; tries > 0; tries--) {
      const generation = link.current() ?? (await withTimeout(beginWithinMs, link.learn()).catch(refuse))
      const before = performance.now() + writeWithinMs
      const marks = keys.map((key) => client.begin(generation, generation.prefix + key, token, markerMs))
      const marked = await withTimeout(beginWithinMs + keys.length / 10, Promise.all(marks)).catch(
        (error: unknown) => {
          end(generation, keys, token, leftNothing)
          return refuse(error)
        },
      )
      if (marked.every((one) => one === 'OK')) return { generation, before }
      end(generation, keys, token, leftNothing)
      await withTimeout(beginWithinMs, link.learn()).catch(refuse)
    }
    throw dependencyDown('The cache is being emptied; try again.')
  }

  /** Not waited for: until it is done readers go to the database, which is slower and never wrong. */
  function end(generation: Generation, keys: readonly string[], token: string, left: Left): void {
    if (keys.length === 0) return
    const ends = keys.map((key) => {
      const { text, ttlMs } = left(key)
      return client.end(generation, generation.prefix + key, token, text, ttlMs, generation.quarantineEndsAt)
    })
    track(
      Promise.all(ends).then((told) => {
        if (left !== leftNothing)
          writes[told.some((one) => one === 'SHARED' || one === 'LOST') ? 'contended' : 'ok'] += 1
      }),
    )
  }

  function kept(entry: Entry | null): Kept {
    // Keys that were filled together are not all looked up again together.
    const capMs = (entry === null ? absentTtlMs : valueTtlMs) * (0.9 + Math.random() / 10)
    if (entry === null) return { text: absent, ttlMs: Math.floor(capMs) }
    return { text: encode(entry), ttlMs: Math.floor(Math.min(capMs, entry.expiresAtMs - clock.now())) }
  }

  async function sweep(): Promise<void> {
    const generation = link.current()
    if (generation === undefined) return
    const page = await client.scan(cursor, { MATCH: `${generation.key}:*`, COUNT: keysPerSweep })
    cursor = page.cursor
    await Promise.all(page.keys.map((key) => client.sweep(generation, key)))
  }

  function track(work: Promise<unknown>): void {
    const settled = work.catch(() => {}).finally(() => ending.delete(settled))
    ending.add(settled)
  }

  return {
    peek: () => undefined,
    read,
    write,
    ping: link.ping,
    async close() {
      closed = true
      stopReads()
      clearInterval(sweeping)
      await withTimeout(beginWithinMs, Promise.all(ending)).catch(() => {})
      await link.close()
    },
    stats: () => ({ reads: { ...reads }, writes: { ...writes } }),
  }
}

const absent = 'N'
/** What is to stand under a key: nothing, where the text is empty. */
type Kept = { readonly text: string; readonly ttlMs: number }
type Left = (key: string) => Kept

const nothing: Kept = { text: '', ttlMs: 0 }
/** Of a write that failed, which counts as that. */
const leftNothing: Left = () => nothing

function isAnswer(text: string | null): text is string {
  return text !== null && (text.startsWith('V') || text === absent)
}

function encode({ version, expiresAtMs, text }: Entry): string {
  return `V${version}|${expiresAtMs === Number.POSITIVE_INFINITY ? '' : expiresAtMs}|${text}`
}

function decode(text: string): Entry {
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const end = text.slice(first + 1, second)
  return {
    version: Number(text.slice(1, first)),
    expiresAtMs: end === '' ? Number.POSITIVE_INFINITY : Number(end),
    text: text.slice(second + 1),
  }
}

function refuse(error: unknown): never {
  throw dependencyDown('The cache does not answer, and nothing may be changed without it.', error)
}

/** No two of them are the same, whoever made them. */
function newToken(): string {
  tokens += 1
  return `${maker}-${tokens.toString(36)}`
}

const maker = randomBytes(9).toString('hex')
let tokens = 0
