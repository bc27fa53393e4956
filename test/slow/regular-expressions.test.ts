import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BillingMessage, GuidCommand, GuidEvent } from '@quintet/contracts'
import { check } from 'recheck'
import { API } from 'typescript/unstable/sync'
import type { Node } from 'typescript/unstable/ast'
import {
  isIdentifier,
  isNewExpression,
  isRegularExpressionLiteral,
  isTemplateExpression,
} from 'typescript/unstable/ast/is'
import { readDocuments } from '../../clients/openapi.ts'
import { services } from '../../topology.ts'
import { sources } from '../import-graph.ts'

/** A matcher that backtracks may take time quadratic in the length of a text, during which a service does nothing else. */

const root = new URL('../..', import.meta.url)
/** By steps: an attack that takes long because the machine is busy would count as one that takes many. */
const limits = { timeout: 60_000, incubationTimeout: null, attackTimeout: null }

/** The sources of everything that runs outside tests and benchmarks. */
const files = sources.filter((file) => !/^(test|bench)\/|\/test\//.test(file))

/** Made at run time, of the patterns of schemas, which are checked below. */
const madeOfSchemas = new Set(['chassis/src/http/faults.ts', 'services/guid/src/guid.ts'])

type Found = { readonly source: string; readonly flags: string; readonly file: string }

test('Every regular expression of the sources takes time linear in the length of a text', async () => {
  const found = readExpressions()
  assert.ok(found.length > 100, `${found.length} expressions were found`)
  await assertLinear(found)
})

test('Every pattern of a document, a contract or a setting takes time linear in the length of a text', async () => {
  const settings = Object.values(services).map((service) => service.settings)
  const schemas = [...(await readDocuments()).values(), BillingMessage, GuidCommand, GuidEvent, ...settings]
  const found = [...new Set(schemas.flatMap((schema) => patternsIn(schema)))]
  assert.ok(found.length > 10, `${found.length} patterns were found`)
  await assertLinear(found.map((source) => ({ source, flags: 'u', file: 'a schema' })))
})

test('An expression that is quadratic or exponential is found', async () => {
  for (const source of ['0+$', '^[a\\r\\n]+={0,2}[\\r\\n]*$', '^(a+)+$'])
    await assert.rejects(assertLinear([{ source, flags: '', file: 'this test' }]), source)
})

/** An expression that cannot be analysed in time must be written in another way. */
async function assertLinear(found: readonly Found[]): Promise<void> {
  const faults: string[] = []
  for (const { source, flags, file } of found) {
    const result = await check(source, flags, limits)
    const verdict = result.status === 'vulnerable' ? result.complexity.summary : result.status
    if (verdict !== 'safe') faults.push(`${file}: /${source}/${flags} is ${verdict}`)
  }
  assert.deepEqual(faults, [])
}

/** The literals, and what `new RegExp` is given as a template, with a name in place of each expression. */
function readExpressions(): Found[] {
  const api = new API({ cwd: root.pathname })
  const openProjects = ['tsconfig.json', 'console/page/tsconfig.json'].map(
    (file) => new URL(file, root).pathname,
  )
  const projects = api.updateSnapshot({ openProjects }).getProjects()
  const found = files.flatMap((file) => {
    const path = new URL(file, root).pathname
    const [tree] = projects.flatMap(({ program }) => program.getSourceFile(path) ?? [])
    assert.ok(tree !== undefined, `${file} is part of no project`)
    return expressionsIn(tree, readFileSync(new URL(file, root), 'utf8'), file)
  })
  api.close()
  return found
}

function expressionsIn(node: Node, text: string, file: string): Found[] {
  const found: Found[] = []
  if (isRegularExpressionLiteral(node)) {
    const end = node.text.lastIndexOf('/')
    found.push({ source: node.text.slice(1, end), flags: node.text.slice(end + 1), file })
  }
  if (isNewExpression(node) && isIdentifier(node.expression) && node.expression.text === 'RegExp') {
    const [pattern] = node.arguments ?? []
    if (pattern !== undefined && isTemplateExpression(pattern)) {
      const template = text.slice(pattern.pos, pattern.end).trim().slice(1, -1)
      found.push({
        source: template.replace(/\$\{[^{}]*\}/g, 'name').replaceAll('\\\\', '\\'),
        flags: '',
        file,
      })
    } else assert.ok(madeOfSchemas.has(file), `${file} makes an expression of what cannot be analysed`)
  }
  node.forEachChild((child) => {
    found.push(...expressionsIn(child, text, file))
  })
  return found
}

function patternsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) =>
    name === 'pattern' && typeof member === 'string' ? [member] : patternsIn(member),
  )
}
