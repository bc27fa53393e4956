import type { TestContext } from 'node:test'
import type { App } from '@quintet/chassis/http'
import type { createManualClock } from '@quintet/chassis/testing/clock'

/** A service under test: how it starts, and what it has. */
export type ConformingService<World extends RunningService> = ServiceTraits & {
  /** Starts a service on storage of its own, at a time that stands still until the test moves it. */
  start: (t: TestContext) => Promise<World>
  resources: Readonly<Record<string, ConformingResource<World>>>
}

export type RunningService = { app: App; clock: ReturnType<typeof createManualClock> }

export type ServiceTraits = {
  /** The member of a problem document that repeats `detail`. */
  detailAlias?: string
  /** The status for a value of the wrong type or form; 400 unless given. */
  wrongValueStatus?: number
}

type ConformingResource<World> = ResourceTraits & {
  /** Makes what the first one needs. */
  prepare?: (world: World) => Promise<unknown>
  /** Adds the nth one and gives its path. */
  add: (world: World, n: number) => Promise<string>
}

/** One kind of resource. What it does not have is `absent`, with the reason, and tested to be absent. */
type ResourceTraits = {
  /** The path of an id, which is encoded as it stands in a URL. */
  path: (id: string) => string
  /** An id of the right form that nothing has. */
  unusedId: string
  /** The status for a text that cannot be an id; 404 unless given. */
  malformedIdStatus?: number
  /** The methods of the path, as `Allow` lists them. */
  methods: string
  etag: Supported | Absent
  create: Create | Absent
  change: Change | Absent
  delete: Supported | Absent
  list: List | Absent
}

type Absent = { absent: string }
type Supported = Record<string, never>

export type Create = {
  path: string
  /** A body for each n, all of them different. */
  body: (n: number) => Record<string, unknown>
  /** Whether forms are accepted as well as JSON. */
  takesForms?: true
  /** 201 unless given. */
  status?: number
  /** The member that any text can be written to and read from. */
  text: { member: string } | Absent
  /** Whether the response has the ETag of the representation. */
  etag?: Absent
}

export type Change = {
  method: 'PUT' | 'PATCH'
  body: (n: number) => Record<string, unknown>
  /** 200 unless given. */
  status?: number
}

export type List = {
  path: string
  /** The last segment of the path of a listed one. */
  idOf: (row: Record<string, unknown>) => string
  /** The parameters of the query that are any text, which no row of `add` has. */
  texts?: readonly string[]
}

/** What each part of the suite tests, and how. */
export type Suite = {
  service: ServiceTraits
  resource: ResourceTraits
  /** Registers a test with a world of its own. */
  test: (title: string, body: (world: ConformingWorld) => Promise<void>) => void
}

export type ConformingWorld = RunningService & { add: (n: number) => Promise<string> }

/** Ids that are malformed everywhere: no number, or not in its one notation, or beyond what JSON can hold. */
export const malformedIds = [
  '0',
  '-1',
  '1.0',
  '01',
  '1e0',
  'abc',
  '%00',
  '%20',
  '1%20',
  '%2F',
  "1'--",
  '%F0%9D%84%9E',
  '__proto__',
  'constructor',
  '9'.repeat(30),
  '9007199254740993',
  'a'.repeat(300),
]

export function isAbsent(part: object): part is Absent {
  return 'absent' in part
}
