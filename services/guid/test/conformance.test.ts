import { testConformance } from '@quintet/chassis/testing/conformance'
import { createWorld } from './world.ts'

testConformance({
  start: createWorld,
  detailAlias: 'error',
  resources: {
    GUIDs: {
      path: (id) => `/guid/${id}`,
      unusedId: '0'.repeat(32),
      malformedIdStatus: 400,
      methods: 'POST, GET, HEAD, PATCH, DELETE',
      etag: {},
      create: { path: '/guid', body: (n) => ({ user: `user ${n}` }), text: { member: 'user' } },
      change: { method: 'PATCH', body: (n) => ({ user: `changed ${n}` }) },
      delete: {},
      list: { path: '/guids', idOf: ({ guid }) => String(guid), texts: ['user'] },
      add: async ({ post }, n) => String((await post('/guid', { user: `user ${n}` })).headers.location),
    },
  },
})
