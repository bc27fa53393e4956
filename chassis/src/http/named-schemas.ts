import { STATUS_CODES } from 'node:http'
import { isDeepStrictEqual } from 'node:util'

type JsonObject = { [name: string]: unknown }

/**
 * Moves every schema of an OpenAPI document that has a title to the components, under that name, since programs that
 * generate clients name their types so; and says of answers without words of their own what their status means.
 */
export function nameSchemas(document: object): object {
  const { paths, components, ...rest }: JsonObject = { ...document }
  const schemas: JsonObject = {}
  const moved = move(paths, schemas)
  return { ...rest, components: { ...(isObject(components) && components), schemas }, paths: moved }
}

/** A copy in which references stand for the schemas that have gone to `schemas`. */
function move(value: unknown, schemas: JsonObject): unknown {
  if (Array.isArray(value)) return value.map((member) => move(member, schemas))
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([name, member]) => [
    name,
    notSchemas.has(name) ? member : move(describe(name, member), schemas),
  ])
  const moved: JsonObject = Object.fromEntries(members)
  if (typeof moved.title !== 'string') return moved
  // Its examples stay behind: the framework has put those of whole bodies beside them already.
  const { examples: _, ...schema } = moved
  const { title } = moved
  schemas[title] ??= schema
  if (!isDeepStrictEqual(schemas[title], schema)) throw new Error(`Two schemas have the title ${title}.`)
  return { $ref: `#/components/schemas/${title}` }
}

/** What clients send and get: a title in it is theirs. */
const notSchemas = new Set(['example', 'examples', 'default', 'const', 'enum'])

/** The framework says this of every answer that says nothing of itself. */
function describe(status: string, response: unknown): unknown {
  return isObject(response) && response.description === 'Default Response'
    ? { ...response, description: STATUS_CODES[status] ?? 'Answer' }
    : response
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
