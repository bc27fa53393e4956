import { testConformance } from '@quintet/chassis/testing/conformance'
import { createWorld } from './world.ts'

const path = '/api/movies'
const movie = (n: number) => ({ title: `Movie ${n}`, description: `The movie of number ${n}.` })

testConformance({
  start: createWorld,
  detailAlias: 'message',
  resources: {
    movies: {
      path: (id) => `${path}/${id}`,
      unusedId: '999',
      methods: 'GET, HEAD, PUT, DELETE',
      etag: {},
      create: { path, body: movie, text: { member: 'title' } },
      change: { method: 'PUT', body: (n) => ({ title: `Changed ${n}` }) },
      delete: {},
      list: { path, idOf: ({ id }) => String(id), texts: ['title'] },
      async add({ app }, n) {
        const { headers } = await app.inject({ method: 'POST', url: path, payload: movie(n) })
        return String(headers.location)
      },
    },
  },
})
