import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from './world.ts'

const movie = { title: 'Metropolis', description: '' }

test('Of 100 writers with the same If-Match exactly one changes the movie', async (t) => {
  const { post, put, get } = await createWorld(t)
  const { etag } = (await post(movie)).headers
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => put('/api/movies/1', { title: `${i}` }, { 'if-match': etag })),
  )
  const winners = answers.filter(({ statusCode }) => statusCode === 200)
  assert.equal(winners.length, 1)
  assert.ok(answers.every(({ statusCode }) => statusCode === 200 || statusCode === 412))
  assert.equal((await get('/api/movies/1')).json().title, winners[0]?.json().title)
})

test('Of 50 parallel POSTs with one Idempotency-Key one adds a movie, and the others have its answer or are told to wait', async (t) => {
  const { post, get } = await createWorld(t)
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => post(movie, { 'idempotency-key': 'one' })),
  )
  for (const answer of answers) {
    assert.ok(answer.statusCode === 201 || answer.statusCode === 409)
    if (answer.statusCode === 201) assert.equal(answer.json().id, 1)
  }
  assert.equal((await get('/api/movies')).json().length, 1)
})

test('1,000 times: what a change was answered with is what the next read shows, alone and in the list', async (t) => {
  const { post, put, get } = await createWorld(t)
  await post(movie)
  for (let round = 0; round < 1_000; round++) {
    const reads = [get('/api/movies/1'), get('/api/movies')]
    await put('/api/movies/1', { title: `${round}` })
    assert.equal((await get('/api/movies/1')).json().title, `${round}`)
    assert.equal((await get('/api/movies')).json()[0].title, `${round}`)
    await Promise.all(reads)
  }
})

test('A movie that is added while all are deleted is there afterwards, or was counted', async (t) => {
  const { post, get, delete: remove } = await createWorld(t)
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 20 }, () => post(movie)))
    const [deleted, ...added] = await Promise.all([
      remove('/api/movies'),
      ...Array.from({ length: 20 }, () => post(movie)),
    ])
    const left = (await get('/api/movies?limit=1000')).json()
    assert.ok(added.every(({ statusCode }) => statusCode === 201))
    assert.equal(deleted.json().deleted + left.length, 40)
    for (const { id } of left) assert.equal((await get(`/api/movies/${id}`)).statusCode, 200)
    await remove('/api/movies')
  }
})
