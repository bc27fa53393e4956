import './exact-json.ts'

/**
 * The name of a member that an object in a JSON text has twice; undefined if there is none. `value` is the parsed text, and
 * `written` the number of members in the text, if it is known: the colons outside strings. RFC 7493, 2.3 forbids duplicates; parsers
 * silently take the last one.
 */
export function duplicateMember(text: string, value: unknown, written = Infinity): string | undefined {
  return written > membersOf(value) ? firstDuplicate(text) : undefined
}

/** The number of members of all objects in the value, whose depth was bounded before it was parsed. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return 0
  const values: unknown[] = Object.values(value)
  let count = Array.isArray(value) ? 0 : values.length
  for (const one of values) if (typeof one === 'object') count += membersOf(one)
  return count
}

/** The first name in well-formed JSON that its object has already. */
function firstDuplicate(text: string): string | undefined {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '{') open.push(new Set())
    if (text[at] === '}') open.pop()
    if (text[at] !== '"') continue
    const end = endOfString(text, at)
    if (isName(text, end)) {
      const names = open.at(-1)
      const name: string = JSON.parse(text.slice(at, end))
      if (names?.has(name)) return name
      names?.add(name)
    }
    at = end - 1
  }
  return undefined
}

/** The position after the string that begins here. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isName(text: string, end: number): boolean {
  let at = end
  while (' \t\r\n'.includes(text[at] ?? '')) at += 1
  return text[at] === ':'
}
