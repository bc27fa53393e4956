import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { Checkout } from '../checkout.ts'
import type { Row } from '../rows.ts'

/** Why a row cannot be compared; undefined if it can. */
export function skipReason({ processes, name }: Row, base: Checkout): string | undefined {
  const scripts = processes.map(({ script }) => script).filter((script) => !isAbsolute(script))
  if (scripts.length === 0 && name !== controlRow) return 'the same code on both sides'
  const missing = scripts.find((script) => !existsSync(join(base.directory, script)))
  return missing === undefined ? undefined : `only in this checkout: the base has no ${missing}`
}

/** The one row that is compared although it runs the same code on both sides: it shows the error of the measurement. */
const controlRow = 'floor'

/** Names of the rows that the base's own benchmark has; empty if it has none or cannot be read. */
export function rowNamesOf({ directory, node }: Checkout): string[] {
  const program = `import { rows } from './bench/rows.ts'; console.log(JSON.stringify(rows.map(({ name }) => name)))`
  try {
    const flags = ['--input-type=module', '--eval', program]
    return JSON.parse(
      execFileSync(node, flags, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  } catch {
    return []
  }
}
