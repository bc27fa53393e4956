import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Makes `target` a node_modules directory with the packages of `source`. The links of workspaces are relative and are copied
 * as they are, so that they lead to the workspaces next to `target`; a link to `source` itself would lead to the others.
 */
export function linkModules(source: string, target: string): void {
  if (!existsSync(dirname(target))) return
  mkdirSync(target)
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)]
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else if (entry.name.startsWith('@')) linkModules(from, to)
    else symlinkSync(from, to)
  }
}
