import { pageQuery, text } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'

const titleLengthMax = 256

const title = text('Title', {
  minLength: 1,
  maxLength: titleLengthMax,
  description: 'The title of the movie.',
})
const description = text('Description', {
  minLength: 0,
  maxLength: 10_000,
  description: 'The description of the movie.',
})

export type NewMovie = Static<typeof NewMovie>
export const NewMovie = Type.Object(
  { title, description },
  {
    title: 'NewMovie',
    additionalProperties: false,
    examples: [{ title: 'Metropolis', description: 'A city in two halves.' }],
  },
)

export type MoviePatch = Static<typeof MoviePatch>
export const MoviePatch = Type.Object(
  {
    id: Type.Optional(Type.Integer({ description: 'Ignored when it is the one in the path.' })),
    title: Type.Optional(title),
    description: Type.Optional(description),
  },
  { title: 'MoviePatch', additionalProperties: false, examples: [{ title: 'Metropolis (restored)' }] },
)

/** Any text: one that is no id names no movie, which is 404 rather than 400. */
export const MoviePath = Type.Object({
  id: Type.String({ description: 'The number that the movie was given.', examples: ['1'] }),
})

export const MovieBody = Type.Object(
  { id: Type.Integer(), title: Type.String(), description: Type.String() },
  { title: 'Movie' },
)

export const MovieQuery = Type.Object(
  {
    ...pageQuery,
    title: Type.Optional(
      Type.String({
        maxLength: titleLengthMax,
        description: 'Only movies whose title contains this, in capitals or not.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const Deleted = Type.Object({ message: Type.Literal('deleted'), id: Type.Integer() })
export const AllDeleted = Type.Object({ message: Type.Literal('all deleted'), deleted: Type.Integer() })
