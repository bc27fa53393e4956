import { globSync, readFileSync } from 'node:fs'
import { resolveImport, sources } from './import-graph.ts'

const root = new URL('..', import.meta.url)
const exported =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:const|let|function\*?|class|type|interface) (\w+)/gm
const clause = /\b(import|export) (?:type )?\{([^}]*)\} from '([^']+)'/g
const everything = /^export (?:type )?\* from '([^']+)'/gm
const dynamicMember = /\(await import\('([^']+)'\)\)\.(\w+)/g
const dynamicClause =
  /\{([^{}]*)\} = await import\('([^']+)'\)|import\('([^']+)'\)\s*\.then\(\(\{([^}]*)\}\)/g

/** The exports, as `file name`, that no other file imports, and no document shows the import of. */
export function unusedExports(): string[] {
  const used = new Set<string>()
  const all: string[] = []
  const forwarded = new Map<string, string[]>()
  const use = (file: string, specifier: string, names: string) => {
    for (const target of resolveImport(file, specifier))
      for (const name of namesOf(names)) used.add(`${target} ${name}`)
  }
  for (const file of [...sources, ...globSync(['{docs,*/*}/*.md', 'console/**/*.ts'], { cwd: root })]) {
    const text = readFileSync(new URL(file, root), 'utf8')
    for (const [, , names = '', specifier = ''] of text.matchAll(clause)) use(file, specifier, names)
    for (const [, specifier = '', name = ''] of text.matchAll(dynamicMember)) use(file, specifier, name)
    for (const [, names, specifier, thenSpecifier, thenNames] of text.matchAll(dynamicClause))
      use(file, specifier ?? thenSpecifier ?? '', names ?? thenNames ?? '')
    if (!sources.includes(file)) continue
    for (const [, name] of text.matchAll(exported)) all.push(`${file} ${name}`)
    for (const [, word, names = ''] of text.matchAll(clause))
      if (word === 'export')
        all.push(...namesOf(names.replace(/\w+ as /g, '')).map((name) => `${file} ${name}`))
    for (const [, specifier = ''] of text.matchAll(everything))
      for (const target of resolveImport(file, specifier))
        forwarded.set(target, [...(forwarded.get(target) ?? []), file])
  }
  return all.filter((one) => {
    const [file = '', name] = one.split(' ')
    return !used.has(one) && !forwarded.get(file)?.some((index) => used.has(`${index} ${name}`))
  })
}

/** The names in the braces of an import or export, by which the file that exports them knows them. */
function namesOf(names: string): string[] {
  return names.split(',').flatMap((name) => /\w+/.exec(name.replace(/^\s*type\s/, ''))?.[0] ?? [])
}
