import './exact-json.ts'

/** JSON with the members of each object in one order, so that equal values have equal texts (RFC 8259, 4: their order has no meaning). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) => (isObject(one) ? inOrder(one) : one))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}

function inOrder(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
