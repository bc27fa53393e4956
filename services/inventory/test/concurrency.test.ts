import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from './world.ts'

const movie = { title: 'Metropolis', description: '' }

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
