import { AppError } from '../errors/index.ts'
import { parseIfMatch } from '../http/index.ts'
import type { FastifyRequest } from '../http/index.ts'

/** What `If-Match` is compared with, and how a request is refused. */
export type Precondition = {
  /** What the resource is called in a refusal. */
  noun: string
  notFound: () => AppError
  find: () => Versioned | undefined | Promise<Versioned | undefined>
}

type Versioned = { readonly version: number }

/**
 * Makes a change under the `If-Match` of its request (RFC 9110, 13.1.1). `change` is given the one version that it may
 * change, if not any, and gives `undefined` or `false` when there is no row of that version any more.
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

/** The current version, if it is one of these; undefined when any version will do. Refuses any other. */
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
