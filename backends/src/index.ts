export { engineNames } from './engine.ts'
export type { EngineName } from './engine.ts'
export { startPrivateEngine } from './private-engine.ts'
export type { PrivateEngine } from './private-engine.ts'
