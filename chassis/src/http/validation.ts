import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify'
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/schema'
import { invalid } from '../errors/index.ts'
import type { AppError } from '../errors/index.ts'
import { faultsOf, sentencesByField } from './faults.ts'
import type { Fault, Part } from './faults.ts'

/** The error code of a value of the wrong type or form; what is missing, unknown or no object is always `invalid`. */
export type WrongValueCode = 'invalid' | 'unprocessable'

/**
 * Fastify's validator compiler over TypeBox. A body is never coerced; decimal digits in a path or query are converted to an
 * integer where the schema has one. Unknown members are refused, and all faults are reported at once, by field (`faults.ts`). All
 * faults of a query have the same code.
 */
export function createValidatorCompiler(wrongValueCode: WrongValueCode): FastifySchemaCompiler<TSchema> {
  return ({ schema, httpPart = 'body' }) => {
    const compiled = compileOnce(schema)
    const part = parts[httpPart] ?? 'body'
    const integers = part === 'body' ? [] : integersOf(schema)
    return (value: unknown) => {
      convertIntegers(value, integers)
      if (compiled().Check(value)) return { value }
      const faults = faultsOf(schema, value, part)
      const isWrongValue = part === 'query' || faults.every((fault) => fault.isWrongValue)
      return { error: invalid(sentencesByField(faults), isWrongValue ? wrongValueCode : 'invalid') }
    }
  }
}

const parts: Readonly<Record<string, Part>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
}

/** The members of a path or query that are integers. All others are texts: nothing converts to other types. */
function integersOf(schema: TSchema): string[] {
  const properties = Type.IsObject(schema) ? Object.entries<TSchema>(schema.properties) : []
  for (const [name, property] of properties)
    if (Type.IsNumber(property) || Type.IsBoolean(property))
      throw new TypeError(`${name} must be a text or an integer, since it is part of a path or query.`)
  return properties.filter(([, property]) => Type.IsInteger(property)).map(([name]) => name)
}

/** Decimal digits, and no other notation of a number. */
const digits = /^\d{1,100}$/

/** In place, as the framework expects. TypeBox has a function for this, but it loads 146 modules more. */
function convertIntegers(value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return
  for (const name of names) {
    const text: unknown = Reflect.get(value, name)
    if (typeof text === 'string' && digits.test(text)) Reflect.set(value, name, Number(text))
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
  const compiled = compileOnce(schema)
  return (value) =>
    compiled().Check(value)
      ? { value }
      : { error: invalid(sentencesByField(faultsOf(schema, value, 'body'))) }
}

/** The same check, which gives all faults; none of a valid value. `whole` is what the value is called in a sentence. */
export function compileFaults(schema: TSchema): (value: unknown, whole: string) => readonly Fault[] {
  const compiled = compileOnce(schema)
  return (value, whole) => (compiled().Check(value) ? [] : faultsOf(schema, value, 'body', whole))
}

/** Compiles a schema at its first use, since all together would take a twentieth of the start. */
function compileOnce<T extends TSchema>(schema: T) {
  const compile = () => Compile(schema)
  let compiled: ReturnType<typeof compile> | undefined
  return () => {
    compiled ??= compile()
    return compiled
  }
}
