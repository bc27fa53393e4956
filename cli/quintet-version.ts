import { readFileSync } from 'node:fs'

/** The version of Quintet, from package.json. */
export function quintetVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}
