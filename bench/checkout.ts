import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A directory with the project's files, and how its `npm start` runs Node. */
export type Checkout = {
  name: 'base' | 'current'
  directory: string
  node: string
  nodeFlags: string[]
}

/** The files that this benchmark belongs to, with uncommitted changes. */
export const workingTree = describeCheckout('current', join(import.meta.dirname, '..'))

export function describeCheckout(name: Checkout['name'], directory: string): Checkout {
  const { scripts } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const installed = join(directory, 'node_modules/node/bin/node')
  return {
    name,
    directory,
    node: existsSync(installed) ? installed : process.execPath,
    nodeFlags: nodeFlagsOf(String(scripts.start)),
  }
}

/** The flags in `node --flag script.ts start`. Without those of `npm start`, the young generation of the heap grows to 60 MB. */
export function nodeFlagsOf(startScript: string): string[] {
  const words = startScript.split(/\s+/)
  const afterNode = words.slice(words.indexOf('node') + 1)
  const scriptAt = afterNode.findIndex((word) => !word.startsWith('-'))
  return scriptAt === -1 ? [] : afterNode.slice(0, scriptAt)
}
