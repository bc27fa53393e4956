import { createReadStream } from 'node:fs'
import { beginning, hashOf, placeOf } from './chain.ts'
import type { ChainEnd } from './chain.ts'

/** Where a line is, for messages. */
type Position = { readonly file: string; readonly line: number }

export type AuditReport = {
  readonly chain: string | undefined
  /** How many lines belong to the chain. */
  readonly lines: number
  readonly last: (Position & ChainEnd) | undefined
  /** Whether the first line begins a chain, rather than continuing one whose earlier lines are elsewhere. */
  readonly isWhole: boolean
  /** Bytes behind the last line, of a line that was not finished. */
  readonly tornBytes: number
  /** Lines that the log itself says to have lost. */
  readonly omitted: number
  readonly wasKeptFound: boolean
  /** The first break. `validUpTo` is the last line that the lines behind it confirm; 0 for none. */
  readonly fault: (Position & { readonly reason: string; readonly validUpTo: number }) | undefined
}

/** A line is at most a request's head long; more is no log. */
const lineBytesMax = 256 * 1024

/**
 * Follows a chain through files, the oldest first. `chain` takes only the lines of that chain, as in what several services have written to
 * standard output; without it each line must belong to the one chain. `kept` is a hash that was noted before: of a line that must be there.
 */
export async function verifyAudit(
  files: readonly string[],
  { chain: wanted, kept }: { chain?: string | undefined; kept?: string | undefined } = {},
): Promise<AuditReport> {
  let chain = wanted
  let [lines, omitted, tornBytes] = [0, 0, 0]
  let [isWhole, wasKeptFound] = [true, kept === undefined]
  let last: AuditReport['last']
  const report = (fault?: AuditReport['fault']): AuditReport => ({
    ...{ chain, lines, last, isWhole, tornBytes, omitted, wasKeptFound, fault },
  })
  for (const file of files) {
    let line = 0
    for await (const { bytes, isWholeLine } of linesOf(file)) {
      line += 1
      // The line before has none behind it that confirms it.
      const fail = (reason: string) => report({ file, line, reason, validUpTo: Math.max(0, line - 2) })
      if (tornBytes > 0) return fail('a line of the file before it was not finished')
      if (!isWholeLine && file === files.at(-1)) {
        tornBytes = bytes.length
        break
      }
      if (!isWholeLine) return fail('the line is not finished, or longer than any of a log')
      const place = placeOf(bytes.toString())
      if (wanted !== undefined && place?.chain !== wanted) continue
      if (place === undefined) return fail('this is no line of an audit log')
      chain ??= place.chain
      if (place.chain !== chain) return fail(`the line belongs to the chain ${place.chain}, not to ${chain}`)
      const reason = last === undefined ? undefined : reasonOf(last, place, wanted !== undefined)
      if (reason !== undefined) return fail(reason)
      if (last === undefined) isWhole = place.prev === beginning.hash
      const hash = hashOf(bytes)
      last = { file, line, number: place.number, hash }
      lines += 1
      if (hash === kept) wasKeptFound = true
      if (place.kind === 'omitted') omitted += omittedIn(bytes.toString())
    }
  }
  return report()
}

/** Why a line does not continue the one before it; undefined if it does. */
function reasonOf(
  last: ChainEnd,
  { kind, number, prev }: { kind: string; number: number; prev: string },
  isOfStream: boolean,
): string | undefined {
  if (prev === last.hash && number === last.number + 1) return undefined
  // Of what was written to standard output, nothing is there for a start to continue.
  if (isOfStream && kind === 'start' && prev === beginning.hash) return undefined
  if (number === last.number + 1) return 'prev is not the hash of the line before, which was changed'
  if (number > last.number + 1)
    return `lines ${last.number + 1} to ${number - 1} of the chain are missing before it`
  return `it is line ${number} of the chain, behind line ${last.number}: lines were inserted, swapped or begun anew`
}

function omittedIn(line: string): number {
  const { lines }: { lines?: unknown } = JSON.parse(line)
  return Number(lines)
}

/** The lines of a file without their line breaks; the last one may be without its own, and one that is too long ends them. */
async function* linesOf(file: string): AsyncGenerator<{ bytes: Buffer; isWholeLine: boolean }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(file)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      yield { bytes: rest.subarray(start, end), isWholeLine: true }
      start = end + 1
    }
    rest = rest.subarray(start)
    if (rest.length > lineBytesMax) break
  }
  if (rest.length > 0) yield { bytes: rest, isWholeLine: false }
}
