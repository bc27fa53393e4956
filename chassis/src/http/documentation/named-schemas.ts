import { STATUS_CODES } from 'node:http'
import { isDeepStrictEqual } from 'node:util'

type JsonObject = { [name: string]: unknown }

/**
 * Moves every schema with a title to the components of an OpenAPI document, under that name, which generators of clients take
 * for their types; and describes responses that have no description by what their status means.
 */
export function nameSchemas(document: object): JsonObject {
  const { paths, components, ...rest }: JsonObject = { ...document }
  const schemas: JsonObject = {}
  const moved = move(paths, schemas)
  return { ...rest, components: { ...(isObject(components) && components), schemas }, paths: moved }
}

/** A copy with references to the schemas that were moved to `schemas`. */
function move(value: unknown, schemas: JsonObject): unknown {
  if (Array.isArray(value)) return value.map((member) => move(member, schemas))
  if (!isObject(value)) return value
  const members = Object.entries(value)
    .filter(([name]) => name !== 'x-errors') // The sentences of errors, which are of no use to a client.
    .map(([name, member]) => [name, notSchemas.has(name) ? member : move(describe(name, member), schemas)])
  const moved: JsonObject = Object.fromEntries(members)
  if (typeof moved.title !== 'string') return moved
  // Its examples stay: the framework has copied those of whole bodies to the media type already.
  const { examples: _, ...schema } = moved
  const { title } = moved
  schemas[title] ??= schema
  if (!isDeepStrictEqual(schemas[title], schema)) throw new Error(`Two schemas have the title ${title}.`)
  return { $ref: `#/components/schemas/${title}` }
}

/** Data of clients, in which a title is not that of a schema. */
const notSchemas = new Set(['example', 'examples', 'default', 'const', 'enum'])

/** The framework gives this description to every response that has none. */
function describe(status: string, response: unknown): unknown {
  return isObject(response) && response.description === 'Default Response'
    ? { ...response, description: STATUS_CODES[status] ?? 'Response' }
    : response
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
