import { randomBytes, randomUUID } from 'node:crypto'
import { get, post, sendAll } from './requests.ts'
import type { Request } from './requests.ts'

/** The requests of a row. `seed` creates the data they need; it expects empty storage, where ids count from 1. */
export type Workload = { readonly requests: readonly Request[]; seed?(url: string): Promise<void> }

const count = 1_000
/** More than a run sends at any rate measured so far, because the brokerage rejects duplicate orders. */
const ordersCount = 120_000
/** Few, because each costs a password hash, which is slow by design. */
const usersCount = 20
const userCreationsInFlightMax = 2

// As long as the response of the bare servers, and never expired.
const record = { user: 'user-1', expire: '9999999999' }
const guids = Array.from({ length: count }, () => randomUUID().replaceAll('-', '').toUpperCase())
const seedGuids = (url: string) =>
  sendAll(
    url,
    guids.map((guid) => post(`/guid/${guid}`, record)),
  )

/** For a row whose load comes from a tool. */
export const noRequests: Workload = { requests: [] }

export const guidReads: Workload = { seed: seedGuids, requests: guids.map((guid) => get(`/guid/${guid}`)) }

/** The service chooses a random GUID for each request, so requests never conflict. */
export const guidCreations: Workload = { requests: guids.map((_, n) => post('/guid', { user: `user-${n}` })) }

/** Each GUID twice with different users, so that every request changes its row. */
export const guidChanges: Workload = {
  seed: seedGuids,
  requests: ['user-2', 'user-3'].flatMap((user) =>
    guids.map(
      (guid): Request => ({ method: 'PATCH', path: `/guid/${guid}`, body: JSON.stringify({ user }) }),
    ),
  ),
}

const numbers = Array.from({ length: count }, (_, n) => n + 1)
const seedMovies = (url: string) =>
  sendAll(
    url,
    numbers.map((n) =>
      post('/api/movies', { title: `Movie ${n}`, description: `What happens in movie ${n}.` }),
    ),
  )

export const movieReads: Workload = {
  seed: seedMovies,
  requests: numbers.map((n) => get(`/api/movies/${n}`)),
}
export const movieLists: Workload = { seed: seedMovies, requests: [get('/api/movies')] }

const userNumbers = numbers.slice(0, usersCount)
const seedUsers = (url: string) =>
  sendAll(
    url,
    userNumbers.map((n) =>
      post('/users', { name: 'Ada', email: `ada-${n}@example.com`, password: `a password ${n}` }),
    ),
    userCreationsInFlightMax,
  )

export const userReads: Workload = { seed: seedUsers, requests: userNumbers.map((n) => get(`/users/${n}`)) }

/** As long as a 2048-bit RSA key and certificate, but random, so that the row measures encryption and not parsing. */
export const certificateCreations: Workload = {
  seed: seedUsers,
  requests: userNumbers.map((n) =>
    post(`/users/${n}/certificates`, {
      private_key: randomBytes(1_218).toString('base64'),
      body: randomBytes(600).toString('hex'),
      active: n % 2 === 0,
    }),
  ),
}

/** Distinct buy orders within market hours. */
const buys = (accountOf: (n: number) => number): Request[] =>
  Array.from({ length: ordersCount }, (_, n) =>
    post(`/accounts/${accountOf(n)}/orders`, {
      timestamp: Date.UTC(2024, 0, 2, 18) / 1000,
      operation: 'BUY',
      issuer_name: 'ACME',
      total_shares: n + 1,
      share_price: 0.001,
    }),
  )
const openAccounts = numbers.map(() => post('/accounts', { cash: 1_000_000_000_000 }))
const seedAccounts = (url: string) => sendAll(url, openAccounts)

/** Few, because the DynamoDB emulator fails with a thousand accounts. */
const fewAccounts = 20
const fewInFlightMax = 2
export const ordersOnFew: Workload = {
  seed: (url) => sendAll(url, openAccounts.slice(0, fewAccounts), fewInFlightMax),
  requests: buys((n) => (n % fewAccounts) + 1),
}

export const ordersOnMany: Workload = { seed: seedAccounts, requests: buys((n) => (n % count) + 1) }
export const ordersOnOne: Workload = { seed: seedAccounts, requests: buys(() => 1) }

export const billingPosts: Workload = {
  requests: numbers.map((n) =>
    post('/api/billing', { user_id: `${n}`, number_of_items: '5', total_amount: '180' }),
  ),
}
