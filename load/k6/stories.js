import { client } from './client.js'
import { answered } from './responses.js'

/**
 * What users of each service do, one request after the other. A story ends with the first request that does not get the expected response.
 * `users` are the paths of users of the certificate store.
 */
export const stories = { guid, brokerage, certificates, inventory, billing }

function guid() {
  const user = `user ${number()}`
  const created = client.post('/guid', 'POST /guid', { user })
  if (!answered(created, 201)) return
  const path = `/guid/${created.json('guid')}`
  if (!answered(client.get(path, 'GET /guid/{guid}'), 200)) return
  if (!answered(client.patch(path, 'PATCH /guid/{guid}', { user: `${user} again` }), 200)) return
  const list = `/guids?limit=10&user=${encodeURIComponent(`${user} again`)}`
  if (!answered(client.get(list, 'GET /guids'), 200)) return
  if (!answered(client.delete(path, 'DELETE /guid/{guid}'), 204)) return
  answered(client.get(path, 'GET /guid/{guid}'), 404)
}

function brokerage() {
  const account = client.post('/accounts', 'POST /accounts', { cash: 100000 })
  if (!answered(account, 200)) return
  const path = `/accounts/${account.json('id')}`
  for (const [operation, total_shares] of [
    ['BUY', 5],
    ['BUY', 3],
    ['SELL', 2],
  ]) {
    const order = { timestamp: 1571325625, operation, issuer_name: 'AAPL', total_shares, share_price: 80.5 }
    if (!answered(client.post(`${path}/orders`, 'POST /accounts/{id}/orders', order), 200)) return
  }
  if (!answered(client.get(path, 'GET /accounts/{id}'), 200)) return
  answered(client.get(`${path}/ledger?limit=10`, 'GET /accounts/{id}/ledger'), 200)
}

function certificates({ users }) {
  if (Math.random() < 0.05) return registration()
  const user = users[Math.floor(Math.random() * users.length)]
  const body = { private_key: 'c2VjcmV0IG9mIHRoZSBzdG9yeQ==', active: true, body: `certificate ${number()}` }
  const added = client.post(`${user}/certificates`, 'POST /users/{id}/certificates', body)
  if (!answered(added, 201)) return
  const path = `${user}/certificates/${added.json('id')}`
  const name = '/users/{id}/certificates/{cid}'
  if (!answered(client.get(path, `GET ${name}`), 200)) return
  if (!answered(client.patch(path, `PATCH ${name}`, { active: false, notify: true }), 202)) return
  const list = `${user}/certificates?active=true&limit=10`
  if (!answered(client.get(list, 'GET /users/{id}/certificates'), 200)) return
  answered(client.delete(path, `DELETE ${name}`), 204)
}

function registration() {
  const added = client.post('/users', 'POST /users', someone())
  if (!answered(added, 201)) return
  const path = `/users/${added.json('id')}`
  if (!answered(client.get(path, 'GET /users/{id}'), 200)) return
  answered(client.delete(path, 'DELETE /users/{id}'), 204)
}

function inventory() {
  const title = `Metropolis ${number()}`
  const movie = client.post('/api/movies', 'POST /api/movies', {
    title,
    description: 'A city in two halves.',
  })
  if (!answered(movie, 201)) return
  const path = `/api/movies/${movie.json('id')}`
  if (!answered(client.get(path, 'GET /api/movies/{id}'), 200)) return
  const found = `/api/movies?limit=10&title=${encodeURIComponent(title)}`
  if (!answered(client.get(found, 'GET /api/movies'), 200)) return
  if (!answered(client.put(path, 'PUT /api/movies/{id}', { title: `${title}, restored` }), 200)) return
  answered(client.delete(path, 'DELETE /api/movies/{id}'), 200)
}

function billing() {
  const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
  const posted = client.post('/api/billing', 'POST /api/billing', order)
  if (!answered(posted, 200)) return
  const path = `/api/orders/by-message/${posted.json('message_id')}`
  answered(client.get(path, 'GET /api/orders/by-message/{message_id}'), 200)
}

/** A new user of the certificate store. */
export function someone() {
  return { name: 'Ada', email: `ada-${number()}@example.com`, password: 'correct horse' }
}

function number() {
  return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)
}
