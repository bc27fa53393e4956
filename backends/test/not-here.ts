import type { EngineName } from '../src/index.ts'

/** Why a test over an engine is skipped; false where its URL is set. */
export function notHere(name: EngineName): string | false {
  const variable = `ENGINE_${name.toUpperCase()}`
  return (
    !process.env[variable] && `${name} is not here: set ${variable}, or run npm run backends -- up ${name}`
  )
}
