export { canonicalJson } from './canonical-json.ts'
export { parseExactJson } from './exact-json.ts'
export type { RawNumber } from './exact-json.ts'
export { readNumber, withoutTrailingZeros } from './plain-number.ts'
