import type { Collection } from './wire/index.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** Parameters of every list, which choose a page and not rows. */
const ofPages = new Set(['limit', 'cursor', 'after'])

/** Every list in the OpenAPI document of the whole system: what responds to a GET with an array. */
export function collectionsIn(document: unknown): Collection[] {
  return Object.entries(objectAt(document, 'paths')).flatMap(([path, item]) => {
    const operation = objectAt(item, 'get')
    return isList(operation) ? [collectionOf(path, operation)] : []
  })
}

function isList(operation: JsonObject): boolean {
  const content = objectAt(objectAt(objectAt(operation, 'responses'), '200'), 'content')
  return objectAt(objectAt(content, 'application/json'), 'schema').type === 'array'
}

function collectionOf(path: string, operation: JsonObject): Collection {
  const { tags, operationId, summary, parameters } = operation
  const [service]: unknown[] = Array.isArray(tags) ? tags : []
  const words = wordsOf(String(operationId ?? path))
  return {
    service: String(service ?? ''),
    name: words.join('-'),
    path,
    title: titleOf(words, String(summary ?? '')),
    parameters: [...path.matchAll(/\{(\w{1,100})\}/g)].map(([, name = '']) => name),
    filters: filtersIn(Array.isArray(parameters) ? parameters : []),
  }
}

/** The words of an id such as `listAccountOrders` behind its verb. Where services have the same id, it begins with the service. */
function wordsOf(operationId: string): string[] {
  const own = operationId.slice(operationId.lastIndexOf('_') + 1).replace(/^list/, '')
  return own
    .split(/(?=[A-Z])/)
    .map((word) => word.toLowerCase())
    .filter((word) => /^[\w-]+$/.test(word))
}

/** The words, in capitals where the summary has them so, as in GUIDs. */
function titleOf(words: readonly string[], summary: string): string {
  const spelled = new Map(summary.split(/[^\w]/).map((word) => [word.toLowerCase(), word]))
  const title = words.map((word) => spelled.get(word) ?? word).join(' ')
  return title.slice(0, 1).toUpperCase() + title.slice(1)
}

function filtersIn(parameters: readonly unknown[]): string[] {
  return parameters
    .map((parameter) => Object(parameter))
    .filter((parameter) => parameter.in === 'query' && !ofPages.has(parameter.name))
    .map(({ name }) => String(name))
}

function objectAt(value: unknown, name: string): JsonObject {
  return Object(Object(value)[name])
}
