import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { invalid } from '../errors/index.ts'
import type { AppError } from '../errors/index.ts'
import { faultsOf, sentencesByField, shortened, titleOfField } from './faults.ts'
import type { WrongValueCode } from './validation.ts'

/**
 * The refusal of a query with malformed percent-encoding, or with parameters where the operation takes none; undefined for any
 * other. The parameters that an operation takes are for its schema to check.
 */
export function queryRefusal(request: FastifyRequest, code: WrongValueCode): AppError | undefined {
  const mark = request.url.indexOf('?')
  if (mark < 0) return undefined
  const errors = malformedParameters(request.url.slice(mark + 1))
  if (Object.keys(errors).length > 0) return invalid(errors, code)
  if (Object.keys(Object(request.query)).length === 0 || !takesNoQuery(request)) return undefined
  return invalid(sentencesByField(faultsOf(noParameters, request.query, 'query')), code)
}

const noParameters = Type.Object({}, { additionalProperties: false })
const namedMax = 20

/** By name. Malformed percent-encoding encodes no text (RFC 3986, 2.1 and 2.5), but the framework would take it literally. */
function malformedParameters(query: string): Record<string, string> {
  const errors: Record<string, string> = Object.create(null)
  if (!query.includes('%')) return errors
  let found = 0
  for (const parameter of query.split('&')) {
    if (decoded(parameter) !== undefined) continue
    const [rawName = ''] = parameter.split('=', 1)
    const name = shortened(decoded(rawName) ?? rawName)
    errors[name] = `${titleOfField(name, 'query')} must be percent-encoded UTF-8.`
    found += 1
    if (found === namedMax) break
  }
  return errors
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Routes without a description, and those for operators, ignore parameters, since tools add some. */
function takesNoQuery({ routeOptions: { schema } }: FastifyRequest): boolean {
  if (schema === undefined || schema.hide === true || schema.querystring !== undefined) return false
  return schema.tags?.includes('operation') !== true
}
