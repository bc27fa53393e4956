import { testConformance } from '@quintet/chassis/testing/conformance'
import { createWorld } from './world.ts'

testConformance({
  start: createWorld,
  resources: {
    accounts: {
      path: (id) => `/accounts/${id}`,
      unusedId: '999',
      methods: 'GET, HEAD',
      etag: {},
      create: {
        path: '/accounts',
        body: (n) => ({ cash: n }),
        status: 200,
        takesForms: true,
        text: { absent: 'an account has numbers alone.' },
        etag: { absent: 'the response keeps the format of the API that it continues.' },
      },
      change: { absent: 'an account changes by its orders alone.' },
      delete: { absent: 'an account and its ledger are kept.' },
      list: { absent: 'accounts are found by their ids alone.' },
      add: async ({ open }, n) => open(n),
    },
  },
})
