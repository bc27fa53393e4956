import { existsSync, globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

/** Which source file of this repository imports which, types counted; paths are relative to the root. */
type ImportGraph = ReadonlyMap<string, readonly string[]>

const root = new URL('..', import.meta.url)
const importSpecifier = /(?:\bfrom|\bimport\(|^import)\s*'([^']+)'/gm

/** Every TypeScript file of the repository but the generated types of the client. */
export const sources: readonly string[] = globSync(
  [
    '*.ts',
    '{backends,bench,chassis,cli,clients,console,contracts,deploy,load,nemesis,services,test}/**/*.ts',
  ],
  { cwd: root },
).filter((file) => !file.includes('node_modules') && file !== 'clients/typescript/api.ts')

/** What a file imports, as it is written there. */
export function importsOf(file: string): string[] {
  const text = readFileSync(new URL(file, root), 'utf8')
  return [...text.matchAll(importSpecifier)].map(([, specifier]) => specifier ?? '')
}

/** Reads the graph from the files as they are now. */
export function readImportGraph(): ImportGraph {
  const files = new Set(sources)
  return new Map(
    sources.map((file) => [
      file,
      [...new Set(importsOf(file).flatMap((specifier) => resolveImport(file, specifier)))].filter((target) =>
        files.has(target),
      ),
    ]),
  )
}

/** The file that an import means, as one of a list; none where it is not of this repository. */
export function resolveImport(file: string, specifier: string): string[] {
  if (specifier.startsWith('.')) return [posix.normalize(posix.join(posix.dirname(file), specifier))]
  const [scope, name, ...subpath] = specifier.split('/')
  if (scope !== '@quintet' || name === undefined) return []
  const manifest = new URL(`${name}/package.json`, root)
  if (!existsSync(manifest)) return []
  const exported: unknown = JSON.parse(readFileSync(manifest, 'utf8')).exports
  const key = ['.', ...subpath].join('/')
  const target =
    typeof exported === 'object' && exported !== null ? Reflect.get(exported, key) : key === '.' && exported
  return typeof target === 'string' ? [posix.join(name, target)] : []
}

/**
 * The cycles of a graph: its strongly connected components of more than one file (Tarjan, 1972), each with one closed
 * path through it.
 */
export function cyclesOf(graph: ImportGraph): string[][] {
  const indexes = new Map<string, number>()
  const lows = new Map<string, number>()
  const stack: string[] = []
  const cycles: string[][] = []

  function visit(file: string): number {
    const index = indexes.size
    let low = index
    indexes.set(file, index)
    stack.push(file)
    for (const target of graph.get(file) ?? []) {
      if (!indexes.has(target)) low = Math.min(low, visit(target))
      else if (stack.includes(target)) low = Math.min(low, lows.get(target) ?? indexes.get(target) ?? low)
    }
    lows.set(file, low)
    if (low === index) {
      const component = stack.splice(stack.indexOf(file))
      if (component.length > 1) cycles.push(closedPath(graph, new Set(component), file))
    }
    return low
  }

  for (const file of graph.keys()) if (!indexes.has(file)) visit(file)
  return cycles
}

/** The shortest way from a file back to itself within a component. */
function closedPath(graph: ImportGraph, component: ReadonlySet<string>, start: string): string[] {
  const paths = [[start]]
  for (const path of paths) {
    for (const target of graph.get(path.at(-1) ?? '') ?? []) {
      if (target === start) return [...path, start]
      if (component.has(target) && !path.includes(target)) paths.push([...path, target])
    }
  }
  return [start]
}
