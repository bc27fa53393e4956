import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify'
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/schema'
import { AppError, invalid } from '../errors/index.ts'

/** A fault as TypeBox reports it: a JSON pointer, the keyword of the schema, and a message. */
type Fault = {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: object
}

/** The error code of a value of the wrong type or form; what is missing, unknown or no object is always `invalid`. */
export type WrongValueCode = 'invalid' | 'unprocessable'

/**
 * Fastify's validator compiler over TypeBox. A body is never coerced; text from path and query is converted to an integer where the
 * schema has one. Unknown members are refused, and all faults are reported at once, by field.
 *
 * A schema may have its own messages, by the keyword that failed, and one for all other keywords:
 * `'x-errors': { required: '…', type: '…', invalid: '…' }`.
 */
export function createValidatorCompiler(wrongValueCode: WrongValueCode): FastifySchemaCompiler<TSchema> {
  return ({ schema, httpPart }) => {
    const compiled = Compile(schema)
    const integers = httpPart === 'body' ? [] : integersOf(schema)
    return (value: unknown) => {
      convertIntegers(value, integers)
      if (compiled.Check(value)) return { value }
      const [, faults] = compiled.Errors(value)
      const errors = fieldErrors(schema, faults, httpPart ?? 'body')
      const code = faults.every(isWrongValue) ? wrongValueCode : 'invalid'
      return { error: new AppError(code, Object.values(errors).join(' '), { errors }) }
    }
  }
}

/** The members of a path or query that are integers. All others are texts: nothing converts to other types. */
function integersOf(schema: TSchema): string[] {
  const properties = Type.IsObject(schema) ? Object.entries<TSchema>(schema.properties) : []
  for (const [name, property] of properties)
    if (Type.IsNumber(property) || Type.IsBoolean(property))
      throw new TypeError(`${name} must be a text or an integer, since it is part of a path or query.`)
  return properties.filter(([, property]) => Type.IsInteger(property)).map(([name]) => name)
}

/** In place, as the framework expects. TypeBox has a function for this, but it loads 146 modules more. */
function convertIntegers(value: unknown, names: readonly string[]): void {
  if (!isObject(value)) return
  for (const name of names) {
    const number = typeof value[name] === 'string' ? Number(value[name]) : Number.NaN
    if (!Number.isNaN(number)) value[name] = Math.trunc(number)
  }
}

/**
 * For the constructor of an app whose compilers are set by `setValidatorCompiler` and `setSerializerCompiler`: it would
 * otherwise load Ajv and fast-json-stringify, 100 modules that nothing uses.
 */
export const ownCompilers: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator: unset, buildSerializer: unset },
}

function unset(): never {
  throw new Error('The compilers of this app have not been set.')
}

/** Validates a value that did not come through a route like a body: gives the value, or an error with all faults. */
export function compileCheck<T extends TSchema>(
  schema: T,
): (value: unknown) => { value: Static<T> } | { error: AppError } {
  const compiled = Compile(schema)
  return (value) =>
    compiled.Check(value)
      ? { value }
      : { error: invalid(fieldErrors(schema, compiled.Errors(value)[1], 'body')) }
}

function isWrongValue({ keyword, instancePath }: Fault): boolean {
  return instancePath !== '' && !isUnknownMember(keyword)
}

function isUnknownMember(keyword: string): boolean {
  return keyword === 'additionalProperties' || keyword === 'boolean'
}

/** One message for each faulty field; a fault of the whole has the name of the part. */
function fieldErrors(schema: TSchema, faults: readonly Fault[], part: string): Record<string, string> {
  const errors: Record<string, string> = {}
  for (const fault of faults) {
    for (const [field, message] of messagesOf(schema, fault, part)) errors[field] ??= message
  }
  return errors
}

function messagesOf(
  schema: TSchema,
  { keyword, instancePath, message, params }: Fault,
  part: string,
): [string, string][] {
  if (keyword === 'required' && instancePath === '' && 'requiredProperties' in params)
    return [params.requiredProperties].flat().map((name) => {
      const field = String(name)
      return [field, customMessage(schema, field, 'required') ?? `${field} is required.`]
    })
  if (isUnknownMember(keyword)) {
    const field = fieldOf(instancePath)
    return field === undefined ? [] : [[field, `${field} is not known here.`]]
  }
  const field = fieldOf(instancePath)
  if (field === undefined) return [[part, messageAt(schema, keyword) ?? `The ${part} ${message}.`]]
  return [
    [
      field,
      customMessage(schema, field, keyword) ??
        customMessage(schema, field, 'invalid') ??
        `${field} ${message}.`,
    ],
  ]
}

function fieldOf(pointer: string): string | undefined {
  return pointer === '' ? undefined : pointer.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~')
}

function customMessage(schema: TSchema, field: string, keyword: string): string | undefined {
  const properties: unknown = Reflect.get(schema, 'properties')
  const property: unknown = isObject(properties) ? properties[field] : undefined
  return isObject(property) ? messageAt(property, keyword) : undefined
}

function messageAt(schema: object, keyword: string): string | undefined {
  const messages: unknown = Reflect.get(schema, 'x-errors')
  const message = isObject(messages) ? messages[keyword] : undefined
  return typeof message === 'string' ? message : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
