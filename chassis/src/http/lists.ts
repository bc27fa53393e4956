/** The parts of a field's value between delimiters that are not inside a quoted string (RFC 9110, 5.6), without white space around them. */
export function splitOutsideQuotes(text: string, delimiter: ',' | ';'): string[] {
  if (!text.includes('"')) return text.split(delimiter).map((part) => part.trim())
  const parts: string[] = []
  let start = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') isQuoted = !isQuoted
    else if (character === '\\' && isQuoted) at += 1
    else if (character === delimiter && !isQuoted) {
      parts.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return [...parts, text.slice(start).trim()]
}

/** A parameter or preference: its name in lower case, and its value, which may be quoted; empty without one. */
export function nameAndValue(text: string): [name: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 0) return [text.toLowerCase(), '']
  return [text.slice(0, equals).trim().toLowerCase(), unquoted(text.slice(equals + 1).trim())]
}

function unquoted(value: string): string {
  const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
  return isQuoted ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
