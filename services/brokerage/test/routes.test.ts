import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostileCursors } from '@quintet/chassis/testing/conformance'
import { buy, createWorld, startMs, startSeconds } from './world.ts'

const position = (over: object = {}) => ({
  issuer_name: 'AAPL',
  total_shares: 2,
  share_price: 50,
  average_cost: 50,
  ...over,
})
const problemType = 'application/problem+json; charset=utf-8'

test('POST /accounts opens an account with cash and a Location, with ids from 1', async (t) => {
  const { post, get } = await createWorld(t)
  const response = await post('/accounts', { cash: 1000 })
  assert.equal(response.statusCode, 200)
  assert.equal(response.body, '{"id":1,"cash":1000,"issuers":[]}')
  assert.equal(response.headers.location, '/accounts/1')
  assert.equal((await get('/accounts/1')).body, response.body)
  assert.equal((await post('/accounts', { cash: 0 })).body, '{"id":2,"cash":0,"issuers":[]}')
})

for (const [notation, cash] of [
  ['900.5', '900.5'],
  ['900.50', '900.5'],
  ['"900.50"', '900.5'],
  ['1e3', '1000'],
  ['-0', '0'],
  ['0.000001', '0.000001'],
  ['7007199254740.993', '7007199254740.993'],
  ['9007199254.740993', '9007199254.740993'],
  ['8999999999999.999999', '8999999999999.999999'],
  ['"8999999999999.999999"', '8999999999999.999999'],
  ['9000000000000', '9000000000000'],
] as const)
  test(`Cash of ${notation} is stored exactly and returned in its shortest notation`, async (t) => {
    const { post, get } = await createWorld(t)
    const expected = `{"id":1,"cash":${cash},"issuers":[]}`
    const response = await post('/accounts', `{"cash":${notation}}`)
    assert.equal(response.body, expected)
    assert.equal((await get('/accounts/1')).body, expected)
    assert.match((await get('/accounts/1/ledger')).body, new RegExp(`"amount":${cash},"cash":${cash},`))
  })

const accountFaults: readonly (readonly [string, Record<string, string>])[] = [
  ['{}', { cash: 'cash is required.' }],
  ['{"cash":-1}', { cash: 'cash must not be negative.' }],
  ['{"cash":"-0.000001"}', { cash: 'cash must not be negative.' }],
  ['{"cash":null}', { cash: 'cash must be a number.' }],
  ['{"cash":true}', { cash: 'cash must be a number.' }],
  ['{"cash":[1]}', { cash: 'cash must be a number.' }],
  ['{"cash":{"rawJSON":"1"}}', { cash: 'cash must be a number.' }],
  ['{"cash":""}', { cash: 'cash must be a number.' }],
  ['{"cash":"a lot"}', { cash: 'cash must be a number.' }],
  ['{"cash":"1,000"}', { cash: 'cash must be a number.' }],
  ['{"cash":1.0000001}', { cash: 'cash must have at most 6 decimals.' }],
  ['{"cash":1e-7}', { cash: 'cash must have at most 6 decimals.' }],
  ['{"cash":1e999}', { cash: 'cash must be at most 9000000000000 on either side of zero.' }],
  ['{"cash":9000000000000.000001}', { cash: 'cash must be at most 9000000000000 on either side of zero.' }],
  ['{"cash":1,"owner":"eve"}', { owner: 'owner is not a field of this request.' }],
  [
    '{"cash":"x","owner":1,"id":2}',
    {
      owner: 'owner is not a field of this request.',
      id: 'id is not a field of this request.',
      cash: 'cash must be a number.',
    },
  ],
  ['[]', { body: 'The body must be a JSON object.' }],
  ['7', { body: 'The body must be a JSON object.' }],
  ['null', { body: 'The body must be a JSON object.' }],
]
for (const [body, errors] of accountFaults)
  test(`POST /accounts rejects ${body} with every fault by field, and opens no account`, async (t) => {
    const { post, get } = await createWorld(t)
    const response = await post('/accounts', body)
    assert.equal(response.statusCode, 400)
    assert.equal(response.headers['content-type'], problemType)
    assert.deepEqual(response.json().errors, errors)
    assert.equal((await get('/accounts/1')).statusCode, 404)
  })

test('An accepted order returns the balance after it and no errors', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  const bought = await order(account)
  assert.equal(bought.statusCode, 200)
  assert.deepEqual(bought.json(), {
    current_balance: { cash: 900, issuers: [position()] },
    business_errors: [],
  })
  const sold = await order(account, { operation: 'sell', total_shares: 1, share_price: 60.5 })
  const issuers = [position({ total_shares: 1, share_price: 60.5 })]
  assert.deepEqual(sold.json(), { current_balance: { cash: 960.5, issuers }, business_errors: [] })
  assert.deepEqual((await get(account)).json(), { id: 1, cash: 960.5, issuers })
})

test('Numbers may be sent as strings, and are returned as numbers', async (t) => {
  const { open, order } = await createWorld(t)
  const strings = { timestamp: String(startSeconds), total_shares: '2', share_price: '50.10' }
  const { current_balance } = (await order(await open('1000'), strings)).json()
  assert.deepEqual(current_balance, {
    cash: 899.8,
    issuers: [position({ share_price: 50.1, average_cost: 50.1 })],
  })
})

test('No number of an order is rounded, where a float would be', async (t) => {
  const { open, post, get } = await createWorld(t)
  const account = await open('8123456789012.123457')
  const order = { ...buy, total_shares: 3, share_price: '1000000000000.000001' }
  const response = await post(`${account}/orders`, order)
  const expected =
    '{"issuer_name":"AAPL","total_shares":3,"share_price":1000000000000.000001,"average_cost":1000000000000.000001}'
  assert.equal(
    response.body,
    `{"current_balance":{"cash":5123456789012.123454,"issuers":[${expected}]},"business_errors":[]}`,
  )
  assert.equal((await get(account)).body, `{"id":1,"cash":5123456789012.123454,"issuers":[${expected}]}`)
  assert.match(
    (await get(`${account}/ledger`)).body,
    /"amount":-3000000000000.000003,"cash":5123456789012.123454/,
  )
})

for (const [what, change, expected] of [
  ['an unknown operation', { operation: 'HOLD' }, ['INVALID_OPERATION']],
  ['zero shares', { total_shares: 0 }, ['INVALID_OPERATION']],
  ['half a share', { total_shares: 1.5 }, ['INVALID_OPERATION']],
  ['a negative price', { share_price: -1 }, ['INVALID_OPERATION']],
  ['a blank issuer', { issuer_name: ' \t' }, ['INVALID_OPERATION']],
  ['a timestamp in the future', { timestamp: startSeconds + 1 }, ['INVALID_OPERATION']],
  ['a timestamp when the market was closed', { timestamp: startSeconds - 8 * 3600 }, ['CLOSED_MARKET']],
  ['more shares than the cash can pay', { total_shares: 21 }, ['INSUFFICIENT_BALANCE']],
  ['shares that the account does not have', { operation: 'SELL' }, ['INSUFFICIENT_STOCKS']],
  [
    'a sale without shares when the market was closed',
    { operation: 'SELL', timestamp: startSeconds - 8 * 3600 },
    ['CLOSED_MARKET', 'INSUFFICIENT_STOCKS'],
  ],
] as const)
  test(`An order with ${what} is refused with status 200, and changes nothing`, async (t) => {
    const { open, order, get } = await createWorld(t)
    const account = await open()
    const { etag } = (await get(account)).headers
    const response = await order(account, change)
    assert.equal(response.statusCode, 200)
    assert.deepEqual(response.json(), {
      current_balance: { cash: 1000, issuers: [] },
      business_errors: expected,
    })
    assert.equal((await get(account)).headers.etag, etag)
    assert.equal((await get(`${account}/ledger`)).json().length, 1)
  })

test('All rules that an order breaks are reported, in their order', async (t) => {
  const { open, order } = await createWorld(t)
  const account = await open(100)
  const opening = startSeconds - 6 * 3600
  assert.deepEqual((await order(account, { timestamp: opening })).json().business_errors, [])
  const refused = await order(account, { timestamp: opening - 1 })
  assert.deepEqual(refused.json().business_errors, [
    'CLOSED_MARKET',
    'DUPLICATED_OPERATION',
    'INSUFFICIENT_BALANCE',
  ])
})

const orderFaults: readonly (readonly [unknown, Record<string, string>])[] = [
  [
    {},
    {
      timestamp: 'timestamp is required.',
      operation: 'operation is required.',
      issuer_name: 'issuer_name is required.',
      total_shares: 'total_shares is required.',
      share_price: 'share_price is required.',
    },
  ],
  [
    {
      timestamp: 'now',
      operation: 1,
      issuer_name: null,
      total_shares: true,
      share_price: '1.0000001',
      client_order_id: 7,
      owner: 'eve',
    },
    {
      timestamp: 'timestamp must be a number.',
      operation: 'operation must be a string.',
      issuer_name: 'issuer_name must be a string.',
      total_shares: 'total_shares must be a number.',
      share_price: 'share_price must have at most 6 decimals.',
      client_order_id: 'client_order_id must be a string.',
      owner: 'owner is not a field of this request.',
    },
  ],
  [
    {
      timestamp: -1,
      operation: 'X'.repeat(65),
      issuer_name: 'x'.repeat(101),
      total_shares: 1e15,
      share_price: 1e30,
      client_order_id: '',
    },
    {
      timestamp: 'timestamp must not be negative.',
      operation: 'operation must have at most 64 characters.',
      issuer_name: 'issuer_name must have at most 100 characters.',
      total_shares: 'total_shares must be at most 9000000000000 on either side of zero.',
      share_price: 'share_price must be at most 9000000000000 on either side of zero.',
      client_order_id: 'client_order_id must not be empty.',
    },
  ],
  [
    { ...buy, operation: 'a\0b', issuer_name: '\ud800', client_order_id: 'x'.repeat(65) },
    {
      operation: 'operation must be well-formed Unicode without the character NUL.',
      issuer_name: 'issuer_name must be well-formed Unicode without the character NUL.',
      client_order_id: 'client_order_id must have at most 64 characters.',
    },
  ],
  ['"text"', { body: 'The body must be a JSON object.' }],
  [
    [buy, { ...buy, share_price: 'x' }, 7, { ...buy, total_shares: null, operation: 2 }],
    {
      '1.share_price': 'share_price must be a number.',
      '2': 'Order 2 must be a JSON object.',
      '3.total_shares': 'total_shares must be a number.',
      '3.operation': 'operation must be a string.',
    },
  ],
]

test('A fault of a whole order in a batch is named as one of the order, not of the body', async (t) => {
  const { open, post } = await createWorld(t)
  const account = await open()
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`m${i}`, i]))
  const response = await post(`${account}/orders`, [
    buy,
    null,
    [],
    { ...buy, body: 1 },
    { ...buy, ...many },
    { ...buy, 'The body of it': 1 },
  ])
  const { errors } = response.json()
  assert.equal(errors['1'], 'Order 1 must be a JSON object.')
  assert.equal(errors['2'], 'Order 2 must be a JSON object.')
  assert.equal(errors['3.body'], 'body is not a field of this request.')
  assert.equal(errors['4'], 'Order 4 has 30 members that are not fields of this request.')
  assert.equal(errors['5.The body of it'], 'The body of it is not a field of this request.')
  assert.ok(!('body' in errors))
})

test('Of the faults of a batch a hundred are named, and the others are counted', async (t) => {
  const { open, post } = await createWorld(t)
  const account = await open()
  const few = (await post(`${account}/orders`, Array(20).fill({}))).json().errors
  assert.equal(Object.keys(few).length, 100)
  const response = await post(`${account}/orders`, Array(1_000).fill({}))
  assert.equal(response.statusCode, 400)
  const { errors } = response.json()
  assert.equal(Object.keys(errors).length, 101)
  assert.equal(errors.body, 'The body has 5000 faults; the first 100 are named.')
  assert.equal(errors['0.share_price'], 'share_price is required.')
  assert.ok(response.body.length < 20_000)
})

for (const [body, errors] of orderFaults)
  test(`A malformed order is 400 with every fault by field, and is not stored: ${JSON.stringify(body).slice(0, 70)}`, async (t) => {
    const { open, post, get } = await createWorld(t)
    const account = await open()
    const response = await post(`${account}/orders`, body)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(response.json().errors, errors)
    assert.deepEqual((await get(`${account}/orders`)).json(), [])
    assert.equal((await get(account)).json().cash, 1000)
  })

test('Malformed JSON is 400, and an account that does not exist is 404 in every call', async (t) => {
  const world = await createWorld(t)
  await world.open()
  for (const payload of ['', '{', '{"__proto__":{}}', '[[[[', '['.repeat(50_000)])
    assert.equal((await world.post('/accounts/1/orders', payload)).statusCode, 400, payload.slice(0, 20))
  for (const id of ['2', '0', '-1', '01', '1.0', 'abc', '1e0', '9'.repeat(30), "1'--", '%00']) {
    const account = `/accounts/${id}`
    for (const response of [
      await world.get(account),
      await world.get(`${account}/orders`),
      await world.get(`${account}/ledger`),
      await world.order(account),
      await world.post(`${account}/orders`, []),
    ]) {
      assert.equal(response.statusCode, 404, id)
      assert.equal(response.json().detail, 'Account not found.')
    }
  }
})

test('Numbers in any notation are the same under an Idempotency-Key, and other numbers are 422', async (t) => {
  const { app } = await createWorld(t)
  const send = (url: string, payload: string) =>
    app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json', 'idempotency-key': 'same' },
    })
  const first = await send('/accounts', '{"cash":1000}')
  for (const cash of ['1000.0', '1e3', '"1000"', '"1.0e3"', '1000.000000'])
    assert.equal((await send('/accounts', `{"cash":${cash}}`)).body, first.body, cash)
  assert.equal((await send('/accounts', '{"cash":1000.1}')).statusCode, 422)
  const orderWith = (price: string, shares: string) =>
    `{"timestamp":1571325625,"operation":"BUY","issuer_name":"AAPL","total_shares":${shares},"share_price":${price}}`
  const placed = await send('/accounts/1/orders', orderWith('80.5', '2'))
  assert.equal(placed.statusCode, 200)
  for (const [price, shares] of [
    ['"80.50"', '2.0'],
    ['8.05e1', '"2"'],
  ] as const)
    assert.equal((await send('/accounts/1/orders', orderWith(price, shares))).body, placed.body)
  for (const other of [orderWith('80.5', '3'), orderWith('80.51', '2'), `[${orderWith('80.5', '2')}]`])
    assert.equal((await send('/accounts/1/orders', other)).statusCode, 422, other)
})

test('Other media types are 415, other methods 405 with Allow, and Accept without JSON is 406', async (t) => {
  const { app, send, get } = await createWorld(t)
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x'])
    for (const body of ['cash=1000', 'x'.repeat(2_000_000)]) {
      const response = await send('/accounts', type, body)
      assert.equal(response.statusCode, 415, type)
      assert.equal(
        response.json().detail,
        'Send the body as application/json or application/x-www-form-urlencoded.',
      )
    }
  const wrong = await app.inject({ method: 'DELETE', url: '/accounts/1/orders' })
  assert.equal(wrong.statusCode, 405)
  assert.deepEqual(String(wrong.headers.allow).split(', ').sort(), ['GET', 'HEAD', 'POST'])
  assert.equal((await get('/market', { accept: 'text/html' })).statusCode, 406)
  const large = await send('/accounts', 'application/json', `{"cash":${'1'.repeat(1_048_576)}}`)
  assert.equal(large.statusCode, 413)
})

test('A trailing slash never matters', async (t) => {
  const { post, get } = await createWorld(t)
  assert.equal((await post('/accounts/', { cash: 1 })).statusCode, 200)
  assert.equal((await post('/accounts/1/orders/', buy)).statusCode, 200)
  for (const url of ['/accounts/1/', '/accounts/1/orders/', '/accounts/1/ledger/', '/market/', '/hello/'])
    assert.equal((await get(url)).statusCode, 200, url)
})

test('A duplicate is refused less than 300 seconds before or after the first order, whatever its price', async (t) => {
  const { open, order, clock } = await createWorld(t)
  const account = await open()
  clock.advance(3_600_000)
  const errorsAt = async (seconds: number, change = {}) =>
    (await order(account, { timestamp: startSeconds + seconds, ...change })).json().business_errors
  assert.deepEqual(await errorsAt(0), [])
  assert.deepEqual(await errorsAt(0, { share_price: 1 }), ['DUPLICATED_OPERATION'])
  assert.deepEqual(await errorsAt(299.999), ['DUPLICATED_OPERATION'])
  assert.deepEqual(await errorsAt(-299.999), ['DUPLICATED_OPERATION'])
  assert.deepEqual(await errorsAt(10, { operation: 'buy' }), ['DUPLICATED_OPERATION'])
  for (const other of [{ operation: 'SELL' }, { issuer_name: 'MSFT' }, { total_shares: 1 }])
    assert.deepEqual(await errorsAt(0, other), [])
  assert.deepEqual(await errorsAt(300), [])
  assert.deepEqual(await errorsAt(-300), [])
  assert.deepEqual((await order(await open())).json().business_errors, [])
})

test('A refused order does not make the next one a duplicate', async (t) => {
  const { open, order } = await createWorld(t)
  const account = await open(10)
  const sale = { operation: 'SELL', total_shares: 1, share_price: 5 }
  assert.deepEqual((await order(account, sale)).json().business_errors, ['INSUFFICIENT_STOCKS'])
  await order(account, { total_shares: 1, share_price: 5 })
  assert.deepEqual((await order(account, sale)).json().business_errors, [])
})

test('A timestamp from 1e11 up is in milliseconds, and fractions of a second count', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  assert.deepEqual((await order(account, { timestamp: startMs })).json().business_errors, [])
  const issuer = { issuer_name: 'MSFT' }
  assert.deepEqual((await order(account, { ...issuer, timestamp: startMs + 1 })).json().business_errors, [
    'INVALID_OPERATION',
  ])
  const early = { ...issuer, timestamp: startSeconds - 0.25 }
  assert.deepEqual((await order(account, early)).json().business_errors, [])
  const orders = (await get(`${account}/orders`)).json()
  assert.deepEqual(
    orders.map(({ timestamp }: { timestamp: number }) => timestamp),
    [startSeconds, startSeconds + 0.001, startSeconds - 0.25],
  )
})

test('As JSON, market hours are checked against the timestamp of the order, whatever the time', async (t) => {
  const { open, order, clock } = await createWorld(t)
  const account = await open()
  clock.set(startMs + 8 * 3_600_000)
  assert.deepEqual((await order(account)).json().business_errors, [])
})

test('With MARKET_CLOCK=server market hours are checked against the clock of the server', async (t) => {
  const { open, order, clock } = await createWorld(t, { MARKET_CLOCK: 'server' })
  const account = await open()
  const night = { timestamp: startSeconds - 10 * 3600 }
  assert.deepEqual((await order(account, night)).json().business_errors, [])
  clock.set(startMs + 8 * 3_600_000)
  assert.deepEqual((await order(account)).json().business_errors, ['CLOSED_MARKET'])
})

test('The settings of the market determine when it is open', async (t) => {
  const settings = {
    MARKET_OPEN: '09:30',
    MARKET_CLOSE: '16:00',
    MARKET_ZONE: 'America/New_York',
    MARKET_DAYS: 'mon-fri',
  }
  const { get, open, order } = await createWorld(t, settings)
  assert.deepEqual((await get('/market')).json(), {
    is_open: true,
    next_open: '2030-01-02T09:30:00-05:00',
    next_close: '2030-01-01T16:00:00-05:00',
  })
  const sunday = { timestamp: startSeconds - 2 * 86_400 }
  assert.deepEqual((await order(await open(), sunday)).json().business_errors, ['CLOSED_MARKET'])
})

test('GET /market returns whether it is open, and the next opening and closing', async (t) => {
  const { get, clock } = await createWorld(t)
  assert.deepEqual((await get('/market')).json(), {
    is_open: true,
    next_open: '2030-01-02T06:00:00-06:00',
    next_close: '2030-01-01T15:00:00-06:00',
  })
  clock.set(startMs + 3 * 3_600_000)
  assert.equal((await get('/market')).json().is_open, false)
})

test('GET / and GET /hello return a greeting', async (t) => {
  const { get } = await createWorld(t)
  for (const path of ['/', '/hello']) assert.match((await get(path)).json().message, /^Hello/)
})

test('A batch is applied one by one in sequence, and returns a list in the same sequence', async (t) => {
  const { open, post, get } = await createWorld(t)
  const account = await open(100)
  const response = await post(`${account}/orders`, [
    buy,
    { ...buy, issuer_name: 'MSFT', share_price: 1 },
    { ...buy, operation: 'SELL', share_price: 60 },
    { ...buy, operation: 'SELL', share_price: 60 },
    { ...buy, issuer_name: 'MSFT', share_price: 1 },
  ])
  assert.equal(response.statusCode, 200)
  const outcomes: { current_balance: { cash: number }; business_errors: string[] }[] = response.json()
  assert.deepEqual(
    outcomes.map(({ current_balance, business_errors }) => [current_balance.cash, business_errors]),
    [
      [0, []],
      [0, ['INSUFFICIENT_BALANCE']],
      [120, []],
      [120, ['DUPLICATED_OPERATION', 'INSUFFICIENT_STOCKS']],
      [118, []],
    ],
  )
  assert.equal((await get(account)).json().cash, 118)
  assert.deepEqual((await post(`${account}/orders`, [])).json(), [])
})

test('A batch of 1000 orders is accepted, and one of 1001 is rejected as a whole', async (t) => {
  const { open, post, get } = await createWorld(t)
  const account = await open(1000)
  const orders = Array.from({ length: 1_001 }, (_, i) => ({
    ...buy,
    total_shares: i + 1,
    share_price: 0.001,
  }))
  const refused = await post(`${account}/orders`, orders)
  assert.equal(refused.statusCode, 400)
  assert.deepEqual(refused.json().errors, { body: 'The body must have at most 1000 orders.' })
  const accepted = await post(`${account}/orders`, orders.slice(1))
  assert.equal(accepted.json().length, 1_000)
  assert.equal((await get(account)).json().cash, 498.5)
})

test('A batch whose response would be too large is 413 and changes nothing; a smaller one is accepted', async (t) => {
  const { open, post, get } = await createWorld(t)
  const account = await open()
  const orders = Array.from({ length: 250 }, (_, i) => ({
    ...buy,
    issuer_name: `issuer-${i}`,
    share_price: 0.01,
  }))
  const refused = await post(`${account}/orders`, orders)
  assert.equal(refused.statusCode, 413)
  assert.match(refused.json().detail, /more than 20000 positions; send fewer orders at once/)
  assert.deepEqual((await get(`${account}/orders`)).json(), [])
  assert.equal((await post(`${account}/orders`, orders.slice(0, 150))).statusCode, 200)
  assert.equal((await get(account)).json().issuers.length, 150)
})

test('With Prefer: handling=strict a duplicate is 409 and any other refusal 422, with all broken rules', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  const strict = { prefer: 'handling=strict' }
  const accepted = await order(account, {}, strict)
  assert.equal(accepted.statusCode, 200)
  assert.equal(accepted.headers['preference-applied'], 'handling=strict')
  const duplicate = await order(account, {}, strict)
  assert.equal(duplicate.statusCode, 409)
  assert.equal(duplicate.headers['content-type'], problemType)
  assert.deepEqual(duplicate.json().business_errors, ['DUPLICATED_OPERATION'])
  const invalid = await order(account, { operation: 'HOLD', total_shares: 0 }, strict)
  assert.equal(invalid.statusCode, 422)
  assert.deepEqual(invalid.json().errors, {
    operation: 'operation must be BUY or SELL.',
    total_shares: 'total_shares must be a positive integer.',
  })
  const poor = await order(account, { total_shares: 100 }, { prefer: 'return=minimal, Handling="strict"' })
  assert.equal(poor.statusCode, 422)
  assert.equal(poor.json().detail, 'The cash is less than the shares cost.')
  assert.equal((await get(`${account}/orders`)).json().length, 4)
})

test('In a strict batch each refused order is a problem document in the list', async (t) => {
  const { open, post } = await createWorld(t)
  const body = [buy, buy, { ...buy, operation: 'HOLD' }]
  const response = await post(`${await open()}/orders`, body, { prefer: 'handling=strict' })
  assert.equal(response.statusCode, 200)
  const [first, second, third] = response.json()
  assert.deepEqual(first.business_errors, [])
  assert.equal(second.status, 409)
  assert.equal(third.status, 422)
})

test('The same client_order_id returns the first outcome, whatever happened since, and has one effect', async (t) => {
  const { open, order, get, clock } = await createWorld(t)
  const account = await open()
  const first = await order(account, { client_order_id: 'one' })
  await order(account, { issuer_name: 'MSFT' })
  clock.advance(86_400_000)
  const again = await order(account, { client_order_id: 'one' })
  assert.equal(again.body, first.body)
  assert.equal((await get(account)).json().cash, 800)
  assert.equal((await get(`${account}/orders`)).json().length, 2)
})

test('A refusal is an outcome too, and is repeated for its client_order_id', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open(100)
  const sale = { operation: 'SELL', client_order_id: 'sale' }
  const first = await order(account, sale)
  assert.deepEqual(first.json().business_errors, ['INSUFFICIENT_STOCKS'])
  await order(account)
  assert.equal((await order(account, sale)).body, first.body)
  assert.equal((await order(account, sale, { prefer: 'handling=strict' })).statusCode, 422)
  assert.equal((await get(account)).json().cash, 0)
})

test('A client_order_id with other content is 409 and changes nothing; another account may use it', async (t) => {
  const { open, order, post, get } = await createWorld(t)
  const account = await open()
  await order(account, { client_order_id: 'one' })
  const changes = [{ total_shares: 3 }, { share_price: 51 }, { operation: 'SELL' }, { issuer_name: 'X' }]
  for (const change of [...changes, { timestamp: startSeconds - 1 }]) {
    const response = await order(account, { client_order_id: 'one', ...change })
    assert.equal(response.statusCode, 409)
    assert.deepEqual(response.json().errors, {
      client_order_id: 'client_order_id must be one that no other order of this account has.',
    })
  }
  assert.equal((await get(account)).json().cash, 900)
  const other = await open()
  assert.deepEqual((await order(other, { client_order_id: 'one' })).json().business_errors, [])
  const batch = await post(`${other}/orders`, [
    { ...buy, issuer_name: 'A', client_order_id: 'two' },
    { ...buy, issuer_name: 'A', client_order_id: 'two', operation: 'buy' },
    { ...buy, issuer_name: 'B', client_order_id: 'two' },
  ])
  const [first, same, conflict] = batch.json()
  assert.deepEqual(same, first)
  assert.equal(conflict.status, 409)
  assert.equal((await get(other)).json().cash, 800)
})

test('Idempotency-Key replays the response to an account and to an order, with one effect', async (t) => {
  const { post, get } = await createWorld(t)
  const key = { 'idempotency-key': 'k-1' }
  const opened = await post('/accounts', { cash: 1000 }, key)
  const reopened = await post('/accounts', { cash: 1000 }, key)
  assert.equal(reopened.body, opened.body)
  assert.equal(reopened.headers.location, '/accounts/1')
  assert.equal(reopened.headers['idempotency-replayed'], 'true')
  assert.equal((await get('/accounts/2')).statusCode, 404)
  const first = await post('/accounts/1/orders', buy, key)
  const again = await post('/accounts/1/orders', buy, key)
  assert.equal(again.body, first.body)
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.equal((await post('/accounts/1/orders', { ...buy, share_price: 1 }, key)).statusCode, 422)
  assert.equal((await get('/accounts/1/orders')).json().length, 1)
})

test('Idempotency-Key replays refusals too: strict ones, conflicts and missing accounts', async (t) => {
  const { open, post, get } = await createWorld(t)
  const account = await open()
  await post(`${account}/orders`, { ...buy, client_order_id: 'one' })
  for (const [key, url, body, status] of [
    ['a', `${account}/orders`, { ...buy, operation: 'HOLD' }, 422],
    ['b', `${account}/orders`, { ...buy, total_shares: 1, client_order_id: 'one' }, 409],
    ['c', '/accounts/9/orders', buy, 404],
  ] as const) {
    const headers = { 'idempotency-key': key, prefer: 'handling=strict' }
    const first = await post(url, body, headers)
    const again = await post(url, body, headers)
    assert.equal(first.statusCode, status)
    assert.equal(again.body, first.body)
    assert.equal(again.headers['idempotency-replayed'], 'true')
  }
  assert.equal((await get(`${account}/orders`)).json().length, 2)
})

test('GET /accounts/{id} has an ETag that changes with each accepted order, and is 304 until then', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  const etag = String((await get(account)).headers.etag)
  assert.match(etag, /^"\d+"$/)
  await order(account, { operation: 'HOLD' })
  assert.equal((await get(account, { 'if-none-match': etag })).statusCode, 304)
  await order(account)
  const changed = await get(account, { 'if-none-match': etag })
  assert.equal(changed.statusCode, 200)
  assert.notEqual(changed.headers.etag, etag)
})

test('GET /accounts/{id}/orders lists accepted and refused orders with their reasons, oldest first', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  await order(account, { client_order_id: 'one', share_price: '50.10' })
  await order(account, { operation: 'Hold', total_shares: 0.5, share_price: -1 })
  assert.deepEqual((await get(`${account}/orders`)).json(), [
    {
      ...buy,
      id: 1,
      client_order_id: 'one',
      status: 'accepted',
      share_price: 50.1,
      received_at: startSeconds,
      business_errors: [],
    },
    {
      ...buy,
      id: 2,
      status: 'refused',
      operation: 'Hold',
      total_shares: 0.5,
      share_price: -1,
      received_at: startSeconds,
      business_errors: ['INVALID_OPERATION'],
      errors: {
        operation: 'operation must be BUY or SELL.',
        total_shares: 'total_shares must be a positive integer.',
        share_price: 'share_price must be positive.',
      },
    },
  ])
})

test('GET /accounts/{id}/ledger lists the changes of cash and shares, which sum up to the balance', async (t) => {
  const { open, order, get, clock } = await createWorld(t)
  const account = await open()
  await order(account)
  clock.advance(1_500)
  await order(account, { operation: 'SELL', total_shares: 1, share_price: 60 })
  const entry = { issuer_name: 'AAPL', recorded_at: startSeconds }
  assert.deepEqual((await get(`${account}/ledger`)).json(), [
    { id: 0, kind: 'OPENING', shares: 0, amount: 1000, cash: 1000, recorded_at: startSeconds },
    { ...entry, id: 1, kind: 'BUY', shares: 2, amount: -100, cash: 900 },
    { ...entry, id: 2, kind: 'SELL', shares: -1, amount: 60, cash: 960, recorded_at: startSeconds + 1.5 },
  ])
})

test('The pages of orders and ledger are complete, also when orders are added in between', async (t) => {
  const { open, order, get } = await createWorld(t)
  const account = await open()
  for (let i = 1; i <= 7; i++) await order(account, { total_shares: i, share_price: 1 })
  for (const [list, expected] of [
    ['orders', [1, 2, 3, 4, 5, 6, 7]],
    ['ledger', [0, 1, 2, 3, 4, 5, 6, 7]],
  ] as const) {
    const seen: number[] = []
    let url: string | undefined = `${account}/${list}?limit=3`
    while (url !== undefined && seen.length < expected.length) {
      const response: Awaited<ReturnType<typeof get>> = await get(url)
      for (const { id } of response.json()) seen.push(id)
      await order(account, { total_shares: 10 + seen.length, share_price: 1, issuer_name: list })
      url = /<(.+)>; rel="next"/.exec(String(response.headers.link))?.[1]
    }
    assert.deepEqual(seen.slice(0, expected.length), expected)
  }
})

test('A page with an invalid limit or cursor is 400 with every fault', async (t) => {
  const { open, get } = await createWorld(t)
  const account = await open()
  for (const list of ['orders', 'ledger']) {
    const refused = await get(`${account}/${list}?limit=0&order=asc`)
    assert.equal(refused.statusCode, 400)
    assert.deepEqual(Object.keys(refused.json().errors).sort(), ['limit', 'order'])
    for (const cursor of hostileCursors)
      assert.equal(
        (await get(`${account}/${list}?cursor=${encodeURIComponent(cursor)}`)).statusCode,
        400,
        cursor,
      )
    const past = Buffer.from(`[${Number.MAX_SAFE_INTEGER}]`).toString('base64url')
    assert.deepEqual((await get(`${account}/${list}?cursor=${past}`)).json(), [])
  }
})

test('Text that is hostile to SQL, JSON, logs or terminals is returned unchanged', async (t) => {
  const { open, order, form, get, clock } = await createWorld(t)
  const names = [
    `'; drop table account; --`,
    '"}\\u0000{',
    '\u001b[31mred\r\nx',
    '<script>alert(1)</script>',
    '𝒳 مرحبا 🙂',
    '%00%n',
    '__proto__',
    'constructor',
    'é',
    'e\u0301',
  ]
  const account = await open()
  for (const name of names) {
    const bought = await order(account, {
      issuer_name: name,
      client_order_id: name,
      total_shares: 1,
      share_price: 1,
    })
    assert.deepEqual(bought.json().business_errors, [])
    clock.advance(1_000)
    const fields = { timestamp: String(clock.now() / 1000), operation: 'BUY', issuer_name: name }
    const sent = await form(`${account}/orders`, { ...fields, total_shares: '3', share_price: '1' })
    assert.equal(sent.statusCode, 200)
  }
  const issuers: { issuer_name: string; total_shares: number }[] = (await get(account)).json().issuers
  assert.deepEqual(
    issuers.map(({ issuer_name, total_shares }) => [issuer_name, total_shares]),
    names.map((name) => [name, 4]),
  )
  const orders: { issuer_name: string; client_order_id?: string }[] = (await get(`${account}/orders`)).json()
  assert.deepEqual([...new Set(orders.map(({ issuer_name }) => issuer_name))], names)
  const ledger: { issuer_name?: string }[] = (await get(`${account}/ledger`)).json()
  assert.deepEqual([...new Set(ledger.slice(1).map(({ issuer_name }) => issuer_name))], names)
  const named = orders.filter(({ client_order_id }) => client_order_id !== undefined)
  assert.deepEqual(
    named.map(({ client_order_id }) => client_order_id),
    names,
  )
})

test('The OpenAPI document has both formats and the schemas that validate requests', async (t) => {
  const { get } = await createWorld(t)
  const { openapi, paths } = (await get('/openapi.json')).json()
  assert.match(openapi, /^3\.1/)
  const content = paths['/accounts/{id}/orders'].post.requestBody.content
  assert.deepEqual(Object.keys(content), ['application/json', 'application/x-www-form-urlencoded'])
  assert.ok(paths['/accounts/{id}/ledger'].get && paths['/market'].get)
  assert.equal((await get('/health/ready')).statusCode, 200)
})
