export { parseExactJson } from './exact-json.ts'
export type { RawNumber } from './exact-json.ts'
export { readNumber } from './plain-number.ts'
