import { AppError } from '../errors/index.ts'
import { parseIfMatch } from '../http/index.ts'
import type { FastifyRequest } from '../http/index.ts'

/** The resource that `If-Match` is about, and its errors. */
export type Precondition = {
  /** The name of the resource in error messages. */
  noun: string
  notFound: () => AppError
  find: () => Versioned | undefined | Promise<Versioned | undefined>
}

type Versioned = { readonly version: number }

/**
 * Makes a change under the `If-Match` of its request (RFC 9110, 13.1.1). `change` gets the only version that it may change,
 * or undefined for any, and resolves to `undefined` or `false` if no row has that version any more.
 */
export async function changeIfMatch<T>(
  request: FastifyRequest,
  precondition: Precondition,
  change: (version: number | undefined) => Promise<T | undefined | false>,
): Promise<T> {
  const version = await checkPrecondition(parseIfMatch(request.headers['if-match']), precondition)
  const changed = await change(version)
  if (changed !== undefined && changed !== false) return changed
  throw version === undefined ? precondition.notFound() : versionMismatch(precondition.noun)
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

export function versionMismatch(noun: string): AppError {
  return new AppError('precondition_failed', `The ${noun} has changed since the version that If-Match names.`)
}
