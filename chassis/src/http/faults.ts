import { Guard } from 'typebox/guard'
import type { TSchema } from 'typebox'

/** The parts of a request that have a schema. */
export type Part = 'body' | 'query' | 'path' | 'headers'

/** What is wrong with a field, or with the whole part. */
export type Fault = {
  /** That of a fault of the whole is the part, which may be the name of a field as well. */
  readonly field: string
  readonly isOfWhole?: boolean
  readonly sentence: string
  /** Whether it is a value of the wrong type or form; otherwise a field is missing or unknown, or the whole is at fault. */
  readonly isWrongValue: boolean
}

/** Unknown members that are named one by one, and how much of each name. */
const unknownNamedMax = 20
const nameLengthMax = 100

/**
 * What is wrong with a value that its schema has refused, at least one fault: whatever cannot be explained here is still a
 * fault of the whole. Lengths come before forms, so that no expression is applied to a text that is too long.
 *
 * A schema may have its own sentences by the keyword that failed, and one for all other keywords:
 * `'x-errors': { required: '…', type: '…', invalid: '…' }`. `whole` is what the value is called in a sentence.
 */
export function faultsOf(
  schema: TSchema,
  value: unknown,
  part: Part,
  whole = `The ${part}`,
): readonly Fault[] {
  const ofWhole = (predicate: string): Fault => ({
    field: part,
    isOfWhole: true,
    sentence: `${whole} ${predicate}.`,
    isWrongValue: false,
  })
  if (!isObject(value) || Array.isArray(value)) return [ofWhole('must be a JSON object')]
  const faults = [
    ...missingMembers(schema, value),
    ...unknownMembers(schema, value, { part, ofWhole }),
    ...wrongValues(schema, value, part),
  ]
  return faults.length > 0 ? faults : [ofWhole('is not valid')]
}

/** The sentences by field, the first of each. Without a prototype, since clients choose the names. */
export function sentencesByField(faults: readonly Fault[]): Record<string, string> {
  const sentences: Record<string, string> = Object.create(null)
  for (const { field, sentence } of faults) sentences[field] ??= sentence
  return sentences
}

function missingMembers(schema: TSchema, value: object): Fault[] {
  const properties = propertiesOf(schema)
  const required = Reflect.get(schema, 'required')
  return (Array.isArray(required) ? required.map(String) : [])
    .filter((field) => !Object.hasOwn(value, field))
    .map((field) => {
      const sentence = ownSentence(properties.get(field), 'required') ?? `${field} is required.`
      return { field, sentence, isWrongValue: false }
    })
}

function unknownMembers(
  schema: TSchema,
  value: object,
  { part, ofWhole }: { readonly part: Part; ofWhole(predicate: string): Fault },
): Fault[] {
  if (Reflect.get(schema, 'additionalProperties') !== false) return []
  const properties = propertiesOf(schema)
  const unknown = Object.keys(value).filter((name) => !properties.has(name))
  const kind = part === 'query' ? 'parameter' : 'field'
  const faults = unknown.slice(0, unknownNamedMax).map((name): Fault => {
    const field = shortened(name)
    const sentence = `${titleOfField(field, part)} is not a ${kind} of this request.`
    return { field, sentence, isWrongValue: false }
  })
  if (unknown.length > unknownNamedMax)
    faults.push(ofWhole(`has ${unknown.length} members that are not ${kind}s of this request`))
  return faults
}

/** A name that a client chose, for a message. */
export function shortened(name: string): string {
  return name.length > nameLengthMax ? `${name.slice(0, nameLengthMax)}…` : name
}

/** What a field is called in a sentence. */
export function titleOfField(field: string, part: Part): string {
  if (field !== '') return field
  return part === 'query' ? 'A parameter with an empty name' : 'A member with an empty name'
}

function wrongValues(schema: TSchema, value: Record<string, unknown>, part: Part): Fault[] {
  return [...propertiesOf(schema)].flatMap(([field, property]) => {
    if (!Object.hasOwn(value, field)) return []
    const failed = failedKeyword(property, value[field])
    if (failed === undefined) return []
    const isRepeated = part === 'query' && Array.isArray(value[field])
    const sentence = isRepeated
      ? `${field} must be given once.`
      : (ownSentence(property, failed.name) ??
        ownSentence(property, 'invalid') ??
        `${field} ${failed.sentence(Reflect.get(property, failed.name))}.`)
    return { field, sentence, isWrongValue: true }
  })
}

function failedKeyword(schema: object, value: unknown): Keyword | undefined {
  return keywords.find(({ name, admits }) => name in schema && !admits(value, Reflect.get(schema, name)))
}

type Keyword = {
  readonly name: string
  /** Whether a value is admitted; one of a type that the keyword is not about always is. */
  readonly admits: (value: unknown, limit: unknown) => boolean
  /** What a value must be, to be appended to its name. */
  readonly sentence: (limit: unknown) => string
}

/** The keywords that describe requests, in the order in which they are checked: types, lengths, forms. */
const keywords: readonly Keyword[] = [
  {
    name: 'type',
    admits: (value, type) => types[String(type)]?.admits(value) ?? true,
    sentence: (type) => `must be ${types[String(type)]?.title ?? type}`,
  },
  {
    name: 'const',
    admits: (value, constant) => value === constant,
    sentence: (constant) => `must be ${JSON.stringify(constant)}`,
  },
  {
    name: 'maxLength',
    admits: (value, max) => typeof value !== 'string' || Guard.IsMaxLength(value, Number(max)),
    sentence: (max) => `must have at most ${max} characters`,
  },
  {
    name: 'minLength',
    admits: (value, min) => typeof value !== 'string' || Guard.IsMinLength(value, Number(min)),
    sentence: (min) => (min === 1 ? 'must not be empty' : `must have at least ${min} characters`),
  },
  {
    name: 'pattern',
    admits: (value, pattern) => typeof value !== 'string' || new RegExp(String(pattern), 'u').test(value),
    sentence: () => 'has a form that is not accepted',
  },
  {
    name: 'minimum',
    admits: (value, min) => typeof value !== 'number' || value >= Number(min),
    sentence: (min) => `must be at least ${min}`,
  },
  {
    name: 'maximum',
    admits: (value, max) => typeof value !== 'number' || value <= Number(max),
    sentence: (max) => `must be at most ${max}`,
  },
  {
    name: 'anyOf',
    admits: (value, schemas) => objectsIn(schemas).some((one) => failedKeyword(one, value) === undefined),
    sentence: (schemas) => `must be ${objectsIn(schemas).map(titleOf).join(' or ')}`,
  },
]

const types: Readonly<Record<string, { title: string; admits: (value: unknown) => boolean }>> = {
  object: { title: 'a JSON object', admits: (value) => isObject(value) && !Array.isArray(value) },
  array: { title: 'an array', admits: Array.isArray },
  string: { title: 'a string', admits: (value) => typeof value === 'string' },
  integer: { title: 'a whole number', admits: Number.isInteger },
  number: { title: 'a number', admits: Number.isFinite },
  boolean: { title: 'true or false', admits: (value) => typeof value === 'boolean' },
  null: { title: 'null', admits: (value) => value === null },
}

/** What a value of one of several schemas is called. */
function titleOf(schema: object): string {
  const keyword = keywords.find(({ name }) => name === ('const' in schema ? 'const' : 'type'))
  return keyword?.sentence(Reflect.get(schema, keyword.name)).replace('must be ', '') ?? ''
}

function ownSentence(schema: object | undefined, keyword: string): string | undefined {
  const sentences: unknown = schema === undefined ? undefined : Reflect.get(schema, 'x-errors')
  const sentence = isObject(sentences) ? sentences[keyword] : undefined
  return typeof sentence === 'string' ? sentence : undefined
}

/** A map, since an object would have members that no schema names. */
function propertiesOf(schema: TSchema): ReadonlyMap<string, object> {
  const properties: unknown = Reflect.get(schema, 'properties')
  const entries = isObject(properties) ? Object.entries(properties) : []
  return new Map(entries.flatMap(([name, property]) => (isObject(property) ? [[name, property]] : [])))
}

function objectsIn(list: unknown): object[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
