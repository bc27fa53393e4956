import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idsOf, searches, titles } from './title-examples.ts'
import { createWorld } from './world.ts'

const metropolis = { title: 'Metropolis', description: 'A city in two halves.' }

test('POST /api/movies answers 201 with the movie, its address and its version', async (t) => {
  const { post, get } = await createWorld(t)
  const response = await post(metropolis)
  assert.equal(response.statusCode, 201)
  assert.deepEqual(response.json(), { id: 1, ...metropolis })
  assert.equal(response.headers.location, '/api/movies/1')
  assert.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  const found = await get('/api/movies/1')
  assert.equal(found.statusCode, 200)
  assert.deepEqual(found.json(), response.json())
  assert.equal(found.headers.etag, response.headers.etag)
})

test('Ids are counted up and not used again, even when the newest movie is deleted', async (t) => {
  const world = await createWorld(t)
  await world.post(metropolis)
  await world.delete('/api/movies/1')
  assert.equal((await world.post(metropolis)).json().id, 2)
  await world.delete('/api/movies')
  assert.equal((await world.post(metropolis)).json().id, 3)
})

test('GET /api/movies lists all movies in the order of their ids, with exactly three members each', async (t) => {
  const { post, get } = await createWorld(t)
  assert.deepEqual((await get('/api/movies')).json(), [])
  await post(metropolis)
  await post({ title: 'M', description: '' })
  const response = await get('/api/movies/')
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json(), [
    { id: 1, ...metropolis },
    { id: 2, title: 'M', description: '' },
  ])
  assert.equal(response.headers.link, undefined)
})

test('GET /api/movies shows each change at once, whichever it was', async (t) => {
  const world = await createWorld(t)
  const titles = async () =>
    (await world.get('/api/movies')).json().map(({ title }: typeof metropolis) => title)
  for (const title of ['a', 'b', 'c']) {
    await world.post({ title, description: '' })
    assert.equal((await titles()).at(-1), title)
  }
  await world.put('/api/movies/2', { title: 'B' })
  assert.deepEqual(await titles(), ['a', 'B', 'c'])
  await world.delete('/api/movies/1')
  assert.deepEqual(await titles(), ['B', 'c'])
  await world.delete('/api/movies')
  assert.deepEqual(await titles(), [])
})

test('GET /api/movies?title= finds what contains the text, in capitals or not, in any script', async (t) => {
  const { post, get } = await createWorld(t)
  for (const title of ['Der Blaue Engel', 'Ночной дозор', '100% Wolf', 'Snake_Case', 'Wow!'])
    await post({ title, description: 'engel' })
  const found = async (text: string) =>
    (await get(`/api/movies?title=${encodeURIComponent(text)}`)).json().map(({ id }: { id: number }) => id)
  assert.deepEqual(await found('ENGEL'), [1])
  assert.deepEqual(await found('ДОЗОР'), [2])
  assert.deepEqual(await found('%'), [3])
  assert.deepEqual(await found('_'), [4])
  assert.deepEqual(await found('!'), [5])
  assert.deepEqual(await found(''), [1, 2, 3, 4, 5])
  assert.deepEqual(await found("' or 1=1 --"), [])
})

test('The search compares as Unicode defines caseless matching, whether letters are composed or not', async (t) => {
  const { get, post } = await createWorld(t)
  for (const title of titles) await post({ title, description: '' })
  for (const [text, expected] of searches) assert.deepEqual(await idsOf(get, text), expected, text)
})

test('A changed title is found, and its former one is not', async (t) => {
  const { get, post, put } = await createWorld(t)
  await post({ title: 'Straße', description: '' })
  await put('/api/movies/1', { title: 'Gasse' })
  await put('/api/movies/1', { description: 'Straße' })
  assert.deepEqual(await idsOf(get, 'GASSE'), [1])
  assert.deepEqual(await idsOf(get, 'STRASSE'), [])
})

test('Pages follow each other by the Link header, and neither repeat nor hide a movie when others come and go', async (t) => {
  const world = await createWorld(t)
  await Promise.all(Array.from({ length: 250 }, (_, i) => world.post({ title: `${i}`, description: '' })))
  const seen: number[] = []
  for (let url: string | undefined = '/api/movies'; url !== undefined; ) {
    const response = await world.get(url)
    seen.push(...response.json().map(({ id }: { id: number }) => id))
    url = /^<([^>]+)>; rel="next"$/.exec(String(response.headers.link))?.[1]
    await world.delete(`/api/movies/${seen[0]}`)
    await world.post({ title: 'late', description: '' })
  }
  assert.deepEqual(
    seen,
    Array.from({ length: seen.length }, (_, i) => i + 1),
  )
  assert.ok(seen.length >= 250)
})

test('Pages of a search keep the search', async (t) => {
  const { post, get } = await createWorld(t)
  for (const title of ['one', 'two', 'once']) await post({ title, description: '' })
  const first = await get('/api/movies?title=On&limit=1')
  assert.deepEqual(
    first.json().map(({ title }: { title: string }) => title),
    ['one'],
  )
  const next = /^<([^>]+)>/.exec(String(first.headers.link))?.[1] ?? ''
  assert.deepEqual(
    (await get(next)).json().map(({ title }: { title: string }) => title),
    ['once'],
  )
})

test('PUT changes the title, the description or both, and answers with the movie', async (t) => {
  const { post, put, get } = await createWorld(t)
  await post(metropolis)
  assert.deepEqual((await put('/api/movies/1', { title: 'M' })).json(), { id: 1, ...metropolis, title: 'M' })
  assert.deepEqual((await put('/api/movies/1', { description: '' })).json(), {
    id: 1,
    title: 'M',
    description: '',
  })
  const both = await put('/api/movies/1', { id: 1, ...metropolis })
  assert.equal(both.statusCode, 200)
  assert.deepEqual((await get('/api/movies/1')).json(), { id: 1, ...metropolis })
  assert.equal((await get('/api/movies/1')).headers.etag, both.headers.etag)
})

test('DELETE /api/movies/{id} answers with the id, and the movie is gone', async (t) => {
  const world = await createWorld(t)
  await world.post(metropolis)
  const response = await world.delete('/api/movies/1')
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json(), { message: 'deleted', id: 1 })
  assert.equal((await world.get('/api/movies/1')).statusCode, 404)
  assert.equal((await world.delete('/api/movies/1')).statusCode, 404)
})

test('DELETE /api/movies deletes them all, more than go at once, cached or not, and says how many', async (t) => {
  const world = await createWorld(t)
  for (let posted = 0; posted < 5_100; posted += 100)
    await Promise.all(Array.from({ length: 100 }, () => world.post(metropolis)))
  for (const id of [1, 5_000, 5_001, 5_100])
    assert.equal((await world.get(`/api/movies/${id}`)).statusCode, 200)
  const response = await world.delete('/api/movies')
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json(), { message: 'all deleted', deleted: 5_100 })
  for (const id of [1, 5_000, 5_001, 5_100])
    assert.equal((await world.get(`/api/movies/${id}`)).statusCode, 404)
  assert.deepEqual((await world.delete('/api/movies')).json(), { message: 'all deleted', deleted: 0 })
})

const faults: readonly (readonly [unknown, Record<string, string>])[] = [
  [{}, { title: 'title is required.', description: 'description is required.' }],
  [
    { title: '', description: 7 },
    { title: 'title must not be empty.', description: 'description must be a string.' },
  ],
  [
    { title: 'a'.repeat(257), description: null, year: 1927 },
    {
      title: 'title must have at most 256 characters.',
      description: 'description must be a string.',
      year: 'year is not a field of this request.',
    },
  ],
  [
    { title: 'a\0', description: '\ud800' },
    {
      title: 'title must be well-formed Unicode without the character NUL.',
      description: 'description must be well-formed Unicode without the character NUL.',
    },
  ],
]
for (const [body, errors] of faults)
  test(`POST /api/movies reports every fault of ${JSON.stringify(body).slice(0, 60)} at once, and stores nothing`, async (t) => {
    const { post, get } = await createWorld(t)
    const response = await post(body)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(response.json().errors, errors)
    assert.equal(response.json().message, response.json().detail)
    assert.deepEqual((await get('/api/movies')).json(), [])
  })

for (const [body, field] of [
  [{}, 'body'],
  [{ id: 2, title: 'M' }, 'id'],
  [{ title: null }, 'title'],
  [{ year: 1927 }, 'year'],
] as const)
  test(`PUT refuses ${JSON.stringify(body)} by the field ${field}, and changes nothing`, async (t) => {
    const { post, put, get } = await createWorld(t)
    await post(metropolis)
    const response = await put('/api/movies/1', body)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(Object.keys(response.json().errors), [field])
    assert.deepEqual((await get('/api/movies/1')).json(), { id: 1, ...metropolis })
  })

for (const text of [
  `'; drop table movies; --`,
  '{"a":"\\u0000"}',
  '\u001b[31m\r\n',
  '𝄞\u2028<script>',
  '$1 $& {{title}}',
])
  test(`A search finds any text literally: ${JSON.stringify(text)}`, async (t) => {
    const { post, get } = await createWorld(t)
    const { id } = (await post({ title: text, description: text })).json()
    await post(metropolis)
    const found = await get(`/api/movies?title=${encodeURIComponent(text)}`)
    assert.deepEqual(found.json(), [{ id, title: text, description: text }])
  })

test('The detail of a 404 names the id, whatever it is', async (t) => {
  const { get, put, delete: remove } = await createWorld(t)
  for (const id of ['2', 'abc', '01'])
    for (const response of [
      await get(`/api/movies/${id}`),
      await put(`/api/movies/${id}`, { title: 'M' }),
      await remove(`/api/movies/${id}`),
    ])
      assert.equal(response.json().message, `There is no movie ${id}.`)
})
