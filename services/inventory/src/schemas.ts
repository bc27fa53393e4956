import { pageQuery, text } from '@quintet/chassis/http'
import { Type } from 'typebox'

const title = text('Title', { minLength: 1, maxLength: 256, description: 'The title of the movie.' })
const description = text('Description', {
  minLength: 0,
  maxLength: 10_000,
  description: 'The description of the movie.',
})

export const NewMovie = Type.Object(
  { title, description },
  {
    title: 'NewMovie',
    additionalProperties: false,
    examples: [{ title: 'Metropolis', description: 'A city in two halves.' }],
  },
)

export const MoviePatch = Type.Object(
  {
    id: Type.Optional(Type.Integer({ description: 'Ignored when it is the one in the path.' })),
    title: Type.Optional(title),
    description: Type.Optional(description),
  },
  { title: 'MoviePatch', additionalProperties: false, examples: [{ title: 'Metropolis (restored)' }] },
)

/** Any text: one that is not an id names no movie, which is 404 rather than 400. */
export const MoviePath = Type.Object({
  id: Type.String({ description: 'The number that the movie was given.', examples: ['1'] }),
})

export const MovieBody = Type.Object(
  { id: Type.Integer(), title: Type.String(), description: Type.String() },
  { title: 'Movie' },
)

const contained = text('title', {
  minLength: 0,
  maxLength: 256,
  description: 'Only movies whose title contains this, in capitals or not.',
})
export const MovieQuery = Type.Object(
  { ...pageQuery, title: Type.Optional(contained) },
  { additionalProperties: false },
)

export const Deleted = Type.Object({ message: Type.Literal('deleted'), id: Type.Integer() })
export const AllDeleted = Type.Object({ message: Type.Literal('all deleted'), deleted: Type.Integer() })
