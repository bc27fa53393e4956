import { testConformance } from '@quintet/chassis/testing/conformance'
import { ada, createWorld, opaque } from './world.ts'

const user = (n: number) => ({ ...ada, name: `Ada ${n}`, email: `ada.${n}@example.com` })
const certificate = (n: number) => ({ ...opaque, body: `body ${n}` })
const path = '/users/1/certificates'

testConformance({
  start: createWorld,
  detailAlias: 'description',
  wrongValueStatus: 422,
  resources: {
    users: {
      path: (id) => `/users/${id}`,
      unusedId: '999',
      methods: 'GET, HEAD, PATCH, DELETE',
      etag: {},
      create: { path: '/users', body: user, text: { member: 'name' } },
      change: { method: 'PATCH', body: (n) => ({ name: `Ada ${n}` }), status: 200 },
      delete: {},
      list: { absent: 'users are found by their ids alone.' },
      add: ({ addUser }, n) => addUser(user(n)),
    },
    certificates: {
      prepare: ({ addUser }) => addUser(),
      path: (id) => `${path}/${id}`,
      unusedId: '999',
      methods: 'GET, HEAD, PATCH, DELETE',
      etag: {},
      create: { path, body: certificate, text: { member: 'body' } },
      change: { method: 'PATCH', body: (n) => ({ active: n % 2 === 0 }), status: 202 },
      delete: {},
      list: { path, idOf: ({ id }) => String(id) },
      add: ({ addCertificate }, n) => addCertificate(certificate(n), '/users/1'),
    },
  },
})
