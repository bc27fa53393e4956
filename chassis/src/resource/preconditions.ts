import { AppError } from '../errors/index.ts'
import {
  etagOf,
  isConditional,
  parseIfMatch,
  parseIfNoneMatch,
  requireConditions,
  versionMismatch,
} from '../http/index.ts'
import type { FastifyRequest } from '../http/index.ts'

/** The resource that conditions are about, and its errors. */
type Precondition = {
  /** The name of the resource in error messages. */
  noun: string
  notFound: () => AppError
  find: () => Versioned | undefined | Promise<Versioned | undefined>
}

type Versioned = { readonly version: number }

/**
 * Makes a change under the `If-Match` and `If-None-Match` of its request (RFC 9110, 13.1). `change` gets the only version that it
 * may change, or undefined for any, and resolves to `undefined` or `false` if no row has that version any more.
 */
export function changeIfMatch<T>(
  request: FastifyRequest,
  precondition: Precondition,
  change: (version: number | undefined) => Promise<T | undefined | false>,
): Promise<T> {
  return changeIf(() => checkConditions(request, precondition), precondition, change)
}

/** Each of these attempts was overtaken by a change of another client. */
const attemptsMax = 100

/** The same under conditions of any form: `check` resolves to the version that satisfies them, or refuses. */
export async function changeIf<T>(
  check: () => Promise<number | undefined>,
  { noun, notFound }: Precondition,
  change: (version: number | undefined) => Promise<T | undefined | false>,
): Promise<T> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const version = await check()
    const changed = await change(version)
    if (changed !== undefined && changed !== false) return changed
    if (version === undefined) throw notFound()
    // The next version may satisfy the conditions too.
  }
  throw new AppError('overloaded', `Too many concurrent changes to this ${noun}; retry.`)
}

/** The current version if the conditions of a request name it; undefined if they admit any. Otherwise refuses. */
async function checkConditions(
  request: FastifyRequest,
  { noun, notFound, find }: Precondition,
): Promise<number | undefined> {
  if (!isConditional(request)) return undefined
  const ifMatch = parseIfMatch(request)
  const ifNoneMatch = parseIfNoneMatch(request)
  if (ifMatch === '*' && ifNoneMatch === undefined) return undefined
  const current = await find()
  if (current === undefined) throw notFound()
  requireConditions(request, { etag: etagOf(current.version) }, noun)
  return current.version
}

/**
 * The versions of which a change that is accepted for later may change one; undefined for any. `If-Match` is judged when the change
 * is made. `If-None-Match` is judged now, and the change is bound to the version that it admits.
 */
export async function acceptedVersions(
  request: FastifyRequest,
  precondition: Precondition,
): Promise<number[] | undefined> {
  if (parseIfNoneMatch(request) !== undefined) {
    const version = await checkConditions(request, precondition)
    return version === undefined ? undefined : [version]
  }
  const tags = parseIfMatch(request)
  return tags === undefined || tags === '*'
    ? undefined
    : tags.filter((tag) => versionTag.test(tag)).map(versionOf)
}

const versionTag = /^"\d{1,16}"$/

function versionOf(tag: string): number {
  return Number(tag.slice(1, -1))
}

/** The current version if it is among `versions`; undefined if those are undefined. Otherwise refuses. */
export async function checkPrecondition(
  versions: readonly number[] | undefined,
  { noun, notFound, find }: Precondition,
): Promise<number | undefined> {
  if (versions === undefined) return undefined
  const current = await find()
  if (current === undefined) throw notFound()
  if (!versions.includes(current.version)) throw versionMismatch(noun)
  return current.version
}
