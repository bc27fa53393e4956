import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { makeCertificate } from './make-certificate.ts'
import { ada, createWorld, dataFolder, opaque, startMs } from './world.ts'

const dayMs = 86_400_000
const x509 = makeCertificate({ notBefore: startMs - dayMs, notAfter: startMs + 89 * dayMs })
const base64Of = (bytes: Buffer | string) => Buffer.from(bytes).toString('base64')
const keyOf = ({ privateKey }: typeof x509) => base64Of(privateKey.export({ format: 'pem', type: 'pkcs8' }))

test('POST adds a certificate to a user and returns its id and the user, with a Location', async (t) => {
  const { post, get, addUser } = await createWorld(t)
  const user = await addUser()
  const response = await post(`${user}/certificates`, opaque)
  assert.equal(response.statusCode, 201)
  assert.deepEqual(response.json(), { id: 1, user_id: 1 })
  assert.equal(response.headers.location, '/users/1/certificates/1')
  const found = await get('/users/1/certificates/1')
  assert.equal(found.statusCode, 200)
  assert.deepEqual(found.json(), { id: 1, active: true, body: 'test body' })
  assert.equal(found.headers.etag, response.headers.etag)
})

test('The private key may be wrapped in lines, as tools print base64', async (t) => {
  const { post, addUser } = await createWorld(t)
  const user = await addUser()
  const wrapped = `${base64Of('x'.repeat(60)).replace(/.{20}/g, '$&\r\n')}\n`
  assert.equal((await post(`${user}/certificates`, { ...opaque, private_key: wrapped })).statusCode, 201)
})

const faults: readonly (readonly [number, unknown, Record<string, string>])[] = [
  [
    400,
    {},
    { private_key: 'private_key is required.', active: 'active is required.', body: 'body is required.' },
  ],
  [
    400,
    { private_key: '?', active: 'yes', bdy: '' },
    {
      private_key: 'private_key must be base64.',
      active: 'active must be true or false.',
      body: 'body is required.',
      bdy: 'bdy is not a field of this request.',
    },
  ],
  [400, [opaque], { body: 'The body must be a JSON object.' }],
  [
    422,
    { private_key: 7, active: 1, body: {} },
    {
      private_key: 'private_key must be a string.',
      active: 'active must be true or false.',
      body: 'body must be a string.',
    },
  ],
  [422, { ...opaque, active: 'true' }, { active: 'active must be true or false.' }],
  [422, { ...opaque, active: null }, { active: 'active must be true or false.' }],
  [422, { ...opaque, private_key: 'not base64' }, { private_key: 'private_key must be base64.' }],
  [
    422,
    { ...opaque, private_key: '-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n' },
    {
      private_key:
        'private_key must be base64, but is PEM: encode the whole text, with its lines of dashes, in base64 once more, as the command base64 does with the file.',
    },
  ],
  [
    422,
    { ...opaque, private_key: '_-8' },
    {
      private_key:
        'private_key must be base64, but is base64url: write + for - and / for _, and fill the last four characters with =.',
    },
  ],
  [
    422,
    { ...opaque, private_key: 'data:;base64,YQ==' },
    { private_key: 'private_key must be base64, but is a data URL: leave out all up to the comma.' },
  ],
  [422, { ...opaque, private_key: 'YQ' }, { private_key: 'private_key must be base64.' }],
  [422, { ...opaque, private_key: 'YR==' }, { private_key: 'private_key must be base64.' }],
  [422, { ...opaque, private_key: 'YWJjYWJ=' }, { private_key: 'private_key must be base64.' }],
  [422, { ...opaque, private_key: '\n' }, { private_key: 'private_key must be base64.' }],
  [
    422,
    { private_key: 'YQ', active: 1, body: '' },
    {
      private_key: 'private_key must be base64.',
      active: 'active must be true or false.',
      body: 'body must not be empty.',
    },
  ],
  [
    400,
    { private_key: 'YQ', active: true },
    { private_key: 'private_key must be base64.', body: 'body is required.' },
  ],
  [422, { ...opaque, private_key: 'YQ=a' }, { private_key: 'private_key must be base64.' }],
  [422, { ...opaque, private_key: '' }, { private_key: 'private_key must not be empty.' }],
  [
    422,
    { ...opaque, private_key: 'A'.repeat(65_540) },
    { private_key: 'private_key must have at most 65536 characters.' },
  ],
  [422, { ...opaque, body: '' }, { body: 'body must not be empty.' }],
  [422, { ...opaque, body: 'x'.repeat(32_769) }, { body: 'body must have at most 32768 characters.' }],
  [422, { ...opaque, body: 'a\0b' }, { body: 'body must be well-formed Unicode without the character NUL.' }],
  [
    422,
    { ...opaque, body: '\udfff' },
    { body: 'body must be well-formed Unicode without the character NUL.' },
  ],
]
test('POST rejects missing fields with 400 and wrong ones with 422, every fault by field, and adds nothing', async (t) => {
  const { post, get, addUser } = await createWorld(t)
  const user = await addUser()
  for (const [status, body, errors] of faults) {
    const response = await post(`${user}/certificates`, body)
    assert.equal(response.statusCode, status, JSON.stringify(body).slice(0, 99))
    assert.deepEqual(response.json().errors, errors)
    assert.equal(response.json().description, response.json().detail)
  }
  assert.deepEqual((await get(`${user}/certificates`)).json(), [])
})

test('POST for a user who does not exist is 404', async (t) => {
  const { post } = await createWorld(t)
  const response = await post('/users/7/certificates', opaque)
  assert.equal(response.statusCode, 404)
  assert.equal(response.json().description, 'User not found.')
})

test('The X.509 fields are returned if the body is a certificate in PEM or DER', async (t) => {
  const { get, addUser, addCertificate } = await createWorld(t)
  const user = await addUser()
  for (const body of [x509.pem, x509.der.toString('base64')]) {
    const found = (
      await get(await addCertificate({ private_key: keyOf(x509), active: true, body }, user))
    ).json()
    assert.equal(found.body, body)
    assert.equal(found.x509.subject, 'CN=example.com')
    assert.equal(found.x509.not_after, new Date(startMs + 89 * dayMs).toISOString())
  }
})

test('A private key of another certificate is 422, and nothing is added', async (t) => {
  const { post, get, addUser } = await createWorld(t)
  const user = await addUser()
  const other = makeCertificate({ notBefore: startMs, notAfter: startMs + dayMs })
  const response = await post(`${user}/certificates`, {
    private_key: keyOf(other),
    active: true,
    body: x509.pem,
  })
  assert.equal(response.statusCode, 422)
  assert.deepEqual(response.json().errors, {
    private_key: 'private_key does not belong to the certificate in body.',
  })
  assert.deepEqual((await get(`${user}/certificates`)).json(), [])
})

test('CERTIFICATES_POLICY=strict rejects opaque bodies, and opaque parses nothing', async (t) => {
  const strict = await createWorld(t, { CERTIFICATES_POLICY: 'strict' })
  const refused = await strict.post(`${await strict.addUser()}/certificates`, opaque)
  assert.equal(refused.statusCode, 422)
  assert.deepEqual(Object.keys(refused.json().errors), ['body'])
  const open = await createWorld(t, { CERTIFICATES_POLICY: 'opaque' })
  const location = await open.addCertificate({ ...opaque, body: x509.pem })
  assert.deepEqual(Object.keys((await open.get(location)).json()), ['id', 'active', 'body'])
})

test('GET lists the certificates of one user; active=true the active ones, active=false all', async (t) => {
  const { get, addUser, addCertificate } = await createWorld(t)
  const [user, other] = [await addUser(), await addUser({ ...ada, email: 'eve@example.com' })]
  await addCertificate({ ...opaque, body: 'one' }, user)
  await addCertificate({ ...opaque, body: 'two', active: false }, user)
  await addCertificate({ ...opaque, body: 'three' }, other)
  const one = { id: 1, active: true, body: 'one' }
  const two = { id: 2, active: false, body: 'two' }
  assert.deepEqual((await get(`${user}/certificates`)).json(), [one, two])
  assert.deepEqual((await get(`${user}/certificates?active=false`)).json(), [one, two])
  assert.deepEqual((await get(`${user}/certificates?active=true`)).json(), [one])
  assert.deepEqual((await get(`${other}/certificates/`)).json(), [{ id: 3, active: true, body: 'three' }])
})

test('GET rejects any other value of active, unknown parameters and malformed cursors with 422', async (t) => {
  const { get, addUser } = await createWorld(t)
  const user = await addUser()
  for (const value of ['True', '1', '', 'yes', 'true&active=false']) {
    const response = await get(`${user}/certificates?active=${value}`)
    assert.equal(response.statusCode, 422, value)
    assert.deepEqual(Object.keys(response.json().errors), ['active'])
  }
  for (const query of ['limit=0', 'limit=1001', 'limit=few', 'aktive=true', 'cursor=bad'])
    assert.equal((await get(`${user}/certificates?${query}`)).statusCode, 422, query)
})

test('Pages linked by the Link header have no gaps or repetitions, whatever is added in between', async (t) => {
  const { get, addUser, addCertificate } = await createWorld(t)
  const user = await addUser()
  for (let i = 1; i <= 5; i++) await addCertificate(opaque, user)
  const seen: number[] = []
  for (let url: string | undefined = `${user}/certificates?limit=2&active=true`; url !== undefined; ) {
    const page = await get(url)
    seen.push(...page.json().map(({ id }: { id: number }) => id))
    url = /^<(.+)>; rel="next"$/.exec(String(page.headers.link))?.[1]
    if (seen.length === 2) await addCertificate(opaque, user)
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6])
})

test('A certificate is found under its own user only, and text that is not an id is 404', async (t) => {
  const { get, patch, delete: remove, addUser, addCertificate } = await createWorld(t)
  await addCertificate()
  await addUser({ ...ada, email: 'eve@example.com' })
  for (const url of [
    '/users/2/certificates/1',
    '/users/1/certificates/2',
    '/users/1/certificates/-1',
    '/users/1/certificates/text',
    '/users/text/certificates/1',
    '/users/1/certificates/01',
  ])
    for (const response of [
      await get(url),
      await patch(url, { active: false }),
      await patch(`${url}/active`, { active: false }),
      await remove(url),
      await get(`${url}/notifications`),
    ])
      assert.equal(response.statusCode, 404, url)
  assert.equal((await get('/users/1/certificates/1')).json().active, true)
})

for (const path of ['', '/active'])
  test(`PATCH …/{cid}${path} takes what GET and the list returned, and refuses another value of what cannot change`, async (t) => {
    const { get, patch, addUser, addCertificate } = await createWorld(t)
    const user = await addUser()
    const certificate = await addCertificate({ private_key: keyOf(x509), active: true, body: x509.pem }, user)
    const found = (await get(certificate)).json()
    const [listed] = (await get('/certificates')).json()
    let active = true
    for (const representation of [found, listed, { id: 1 }, { body: x509.pem }]) {
      active = !active
      assert.equal((await patch(certificate + path, { ...representation, active })).statusCode, 202)
    }
    for (const other of [{ id: 2 }, { user_id: 2 }, { body: 'x' }, { x509: {} }]) {
      const [name = ''] = Object.keys(other)
      const refused = await patch(certificate + path, { ...found, ...other, active: !active })
      assert.equal(refused.statusCode, 400, name)
      assert.deepEqual(refused.json().errors, {
        [name]: `${name} must be that of the certificate, or be left out.`,
      })
    }
    assert.deepEqual((await get(certificate)).json(), { ...found, active })
    const plain = await addCertificate(opaque, user)
    assert.equal((await patch(plain + path, { x509: {}, active: false })).statusCode, 400)
    assert.equal((await patch(`${user}/certificates/9${path}`, { id: 9, active: false })).statusCode, 404)
  })

for (const path of ['', '/active'])
  test(`PATCH …/{cid}${path} changes the state with 202, and is 400 when it is in that state already`, async (t) => {
    const { get, patch, addCertificate } = await createWorld(t)
    const certificate = await addCertificate()
    const before = (await get(certificate)).headers.etag
    const changed = await patch(certificate + path, { active: false })
    assert.equal(changed.statusCode, 202)
    assert.deepEqual(changed.json(), { id: 1, active: false })
    const after = await get(certificate)
    assert.equal(after.json().active, false)
    assert.equal(after.headers.etag, changed.headers.etag)
    assert.notEqual(after.headers.etag, before)
    const again = await patch(certificate + path, { active: false })
    assert.equal(again.statusCode, 400)
    assert.deepEqual(again.json().errors, {
      active: 'active must be true, since the certificate is already inactive.',
    })
    assert.equal((await get(certificate)).headers.etag, after.headers.etag)
  })

test('PATCH rejects missing fields with 400 and wrong ones with 422, and changes nothing', async (t) => {
  const { get, patch, addCertificate } = await createWorld(t)
  const certificate = await addCertificate()
  for (const [status, body] of [
    [400, {}],
    [400, { notify: true }],
    [400, { active: false, body: 'x' }],
    [400, []],
    [422, { active: 'false' }],
    [422, { active: 0 }],
    [422, { active: null }],
    [422, { active: false, notify: 'yes' }],
  ] as const)
    assert.equal((await patch(certificate, body)).statusCode, status, JSON.stringify(body))
  assert.equal((await get(certificate)).json().active, true)
})

test('Of parallel changes to the same state one is 202 and the others are 400', async (t) => {
  const { patch, addCertificate } = await createWorld(t)
  const certificate = await addCertificate()
  const responses = await Promise.all(Array.from({ length: 8 }, () => patch(certificate, { active: false })))
  assert.deepEqual(responses.map(({ statusCode }) => statusCode).sort(), [202, ...Array(7).fill(400)])
})

test('GET /certificates lists X.509 certificates of all users by their expiry, earliest first, up to a time', async (t) => {
  const { get, addUser, addCertificate } = await createWorld(t)
  const users = [await addUser(), await addUser({ ...ada, email: 'eve@example.com' })]
  for (const [i, days] of [60, 10, 30, 10].entries()) {
    const one = makeCertificate({ notBefore: startMs, notAfter: startMs + days * dayMs })
    await addCertificate({ private_key: keyOf(one), active: i !== 1, body: one.pem }, users[i % 2])
  }
  await addCertificate(opaque, users[0])
  const ids = async (query: string) =>
    (await get(`/certificates?${query}`)).json().map(({ id }: { id: number }) => id)
  assert.deepEqual(await ids(''), [2, 4, 3, 1])
  const before = startMs + 30 * dayMs
  for (const time of [
    String(before / 1000),
    new Date(before).toISOString(),
    '2030-01-31',
    '2030-01-31T01:00%2B01:00',
    '2030-01-31T01:00+01:00',
  ])
    assert.deepEqual(await ids(`expiring_before=${time}`), [2, 4], time)
  assert.deepEqual(await ids(`expiring_before=${before / 1000 + 1}`), [2, 4, 3])
  const [first] = (await get('/certificates?limit=1')).json()
  assert.deepEqual(
    { ...first, x509: first.x509.not_after },
    {
      id: 2,
      user_id: 2,
      active: false,
      x509: new Date(startMs + 10 * dayMs).toISOString(),
    },
  )
  const seen: number[] = []
  for (let url: string | undefined = '/certificates?limit=1'; url !== undefined; ) {
    const page = await get(url)
    seen.push(...page.json().map(({ id }: { id: number }) => id))
    url = /^<(.+)>; rel="next"$/.exec(String(page.headers.link))?.[1]
  }
  assert.deepEqual(seen, [2, 4, 3, 1])
})

test('GET /certificates rejects an invalid time with 422', async (t) => {
  const { get } = await createWorld(t)
  for (const time of [
    'soon',
    '',
    '-1',
    '2030-13-01',
    '2030-02-30T99:00:00Z',
    '1.5',
    '2030-01-32',
    '2030-01-01T00:60Z',
    '2027-02-30',
    '2030-01-31T24:00:00Z',
    '2030-01-31T00:00:00%2B24:00',
    '2030-01-31%00',
    '2'.repeat(65),
  ]) {
    const response = await get(`/certificates?expiring_before=${time}`)
    assert.equal(response.statusCode, 422, time)
    assert.deepEqual(Object.keys(response.json().errors), ['expiring_before'])
  }
  for (const time of ['2026-02-30', '2026-02-30T10:00:00Z']) {
    const { errors } = (await get(`/certificates?expiring_before=${time}`)).json()
    assert.equal(
      errors.expiring_before,
      'expiring_before must be a date that exists, but there is no 2026-02-30.',
    )
  }
  assert.equal((await get('/certificates?expiring_before=2030-01-31t00:00:00z')).statusCode, 200)
})

test('GET /healthcheck is 200 with 1 for the database, and with 0 when it does not respond', async (t) => {
  const url = join(dataFolder(t), 'certificates.db')
  const { get } = await createWorld(t, { CERTIFICATES_DATABASE_URL: `sqlite:${url}` })
  assert.deepEqual((await get('/healthcheck')).json(), { api: 1, database: 1 })
  const other = new DatabaseSync(url)
  other.exec('begin immediate')
  const response = await get('/healthcheck')
  other.close()
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json(), { api: 1, database: 0 })
})
