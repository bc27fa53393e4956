/** A block of textual encoding (RFC 7468): its label and its content. */
export type PemBlock = { readonly label: string; readonly bytes: Buffer }

/**
 * The well-formed blocks of a text, in their order. Whatever stands before, between and after them is ignored, and so is all
 * white space within them: any line ends, also as the escapes of JSON, indentation, lines of any length. Takes time in proportion to
 * the text.
 */
export function* scanPem(text: string): Generator<PemBlock> {
  let opened: { label: string; at: number } | undefined
  for (const { 0: match, 1: kind, 2: label = '', index } of text.matchAll(boundary)) {
    if (kind === 'BEGIN') opened = { label, at: index + match.length }
    else {
      const bytes = opened?.label === label ? decode(text.slice(opened.at, index)) : undefined
      opened = undefined
      if (bytes !== undefined) yield { label, bytes }
    }
  }
}

/** A block as OpenSSL reads it. */
export function pemOf({ label, bytes }: PemBlock): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** What every boundary begins and ends with, so that few other texts are searched for blocks. */
export const boundaryMark = '-----'

/** A label has no two hyphens or spaces in sequence (RFC 7468, 3). */
const boundary = /-----(BEGIN|END) ([!-,.-~](?:[- ]?[!-,.-~]){0,63})-----/g

/**
 * Ignores the header fields that RFC 1421 allows before the base64. Line ends and slashes may be escapes, as in a text that was copied
 * from JSON or a `.env` file, since base64 has no backslash.
 */
function decode(written: string): Buffer | undefined {
  const content = written.replace(/\\{1,2}([nrt/])/g, (_, escaped: string) => (escaped === '/' ? '/' : '\n'))
  if (!content.includes(':')) return decodeBase64(content)
  const lines = content.split(/[\r\n]/).filter((line) => !line.includes(':'))
  return decodeBase64(lines.join(''))
}

/** The bytes of base64, in either alphabet, with white space anywhere; undefined for any other text. */
export function decodeBase64(text: string): Buffer | undefined {
  const digits = text.replace(/[\s\x85]/g, '')
  return /^[\w+/-]+={0,2}$/.test(digits) ? Buffer.from(digits, 'base64') : undefined
}
