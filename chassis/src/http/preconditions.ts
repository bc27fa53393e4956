import { invalid } from '../errors/index.ts'

/** The strong validator of a row: its version, which every change raises (RFC 9110, 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

/** Whether `If-None-Match` names this representation, by weak comparison (RFC 9110, 13.1.2). */
export function matchesEtag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
}

/**
 * The versions that `If-Match` admits; undefined when there is no such header, or it is `*`, which every existing
 * resource satisfies. A weak or unknown tag admits nothing, since the comparison is strong (RFC 9110, 13.1.1).
 */
export function parseIfMatch(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const tags = header.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag)))
    throw invalid({ 'If-Match': 'If-Match must be * or a list of entity tags in double quotes.' })
  return tags.flatMap((tag) => (/^"\d{1,16}"$/.test(tag) ? Number(tag.slice(1, -1)) : []))
}
