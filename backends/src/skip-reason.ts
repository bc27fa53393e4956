import type { EngineName } from './engine.ts'
import { variableOf } from './environment.ts'

/** The reason to skip a test that needs an engine; false where its URL is set. */
export function skipReason(name: EngineName): string | false {
  const variable = variableOf(name)
  return (
    !process.env[variable] &&
    `${name} is not available: set ${variable}, or run npm run backends -- up ${name}`
  )
}
