import { invalid } from '@quintet/chassis/errors'
import { Type } from 'typebox'

/** What the queries of the lists of traces and of lines have in common. */
export const listQuery = {
  from: instant('The first time, in milliseconds since 1970.'),
  to: instant('The last time.'),
  words: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'All of these words.' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'The most rows of a page.' }),
  ),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'The `next` of a page.' })),
}

export const rowsOfPage = 100
export const nameQuery = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }))
export const TraceId = Type.String({ pattern: '^[0-9a-f]{32}$' })

type Span = { readonly from: number | undefined; readonly to: number | undefined }

/** Throws for a span of time that ends before it begins. */
export function requireOrder({ from = 0, to = from }: Span): void {
  if (from > to) throw invalid({ to: 'to must not be before from.' })
}

/** One of these words. */
export function oneOf<const Words extends readonly string[]>(words: Words, description?: string) {
  const literals = words.map((word: Words[number]) => Type.Literal(word))
  return Type.Optional(Type.Union(literals, description === undefined ? {} : { description }))
}

function instant(description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, maximum: 8_640_000_000_000, description }))
}
