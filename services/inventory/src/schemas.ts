import { pageQuery, text } from '@quintet/chassis/http'
import { Type } from 'typebox'

const title = text('title', { minLength: 1, maxLength: 256, description: 'The title of the movie.' })
const description = text('description', {
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
