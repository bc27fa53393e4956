import type { EngineName } from './engine.ts'
import { variableOf } from './environment.ts'

/** Why a test over an engine is skipped; false where its URL is set. */
export function notHere(name: EngineName): string | false {
  const variable = variableOf(name)
  return (
    !process.env[variable] && `${name} is not here: set ${variable}, or run npm run backends -- up ${name}`
  )
}
