import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { compileCheck } from '@quintet/chassis/http'
import { parseExactJson, toNumber } from '@quintet/chassis/json'
import { assert as assertProperty, bigInt, double, property, uniqueArray } from 'fast-check'
import { Type } from 'typebox'
import { createSampleApp } from './sample-app.ts'

test('A number keeps every digit that it was written with, wherever it stands', () => {
  assert.deepEqual(parseExactJson('{"a":180.10,"b":[1e2,-0],"c":{"d":12345678901234567890.123456}}'), {
    a: '180.10',
    b: ['100', '0'],
    c: { d: '12345678901234567890.123456' },
  })
  for (const [text, exact] of [
    [' 7', '7'],
    ['-7', '-7'],
    ['[ \n-7]', ['-7']],
    ['["7",7]', ['7', '7']],
    ['{"a":"","b" :\t7}', { a: '', b: '7' }],
  ] as const)
    assert.deepEqual(parseExactJson(text), exact, text)
  const numbers = uniqueArray(bigInt())
  assertProperty(property(numbers, (all) => assert.deepEqual(parseExactJson(`[${all}]`), all.map(String))))
})

test('A number is NaN where it would be whole only for the lack of digits, and else as JavaScript reads it', () => {
  for (const notation of [
    '1.00000000000000000001',
    '-7.99999999999999999999',
    '12345678901234567890.5',
    '10e-400',
  ])
    assert.ok(Number.isNaN(toNumber(notation)), notation)
  for (const notation of [
    '0',
    '-0.0',
    '0e5',
    '1.0',
    '1e3',
    '1200e-2',
    '1.5',
    '0.1',
    '-2.50e1',
    '9007199254740993',
  ])
    assert.equal(toNumber(notation), Number(notation), notation)
})

test('The exponent of a number is resolved, unless that takes more than 100 digits', () => {
  for (const [notation, plain] of [
    ['1e-05', '0.00001'],
    ['-1.8E+2', '-180'],
    ['1.805e2', '180.5'],
    ['12.30', '12.30'],
    ['12.00', '12'],
    ['0.00', '0'],
    ['1200e-2', '12'],
    ['0.0012e1', '0.012'],
    ['1e99', `1${'0'.repeat(99)}`],
    ['1e100', '1e100'],
    ['1e-100', '1e-100'],
    ['1.10000000', '1.1'],
    ['11000000000e-10', '1.1'],
    ['100.0000001', '100.0000001'],
    [`1.${'0'.repeat(1_000)}`, '1'],
    [`1.5${'0'.repeat(1_000)}`, '1.5'],
    [`0.${'0'.repeat(1_000)}1`, `0.${'0'.repeat(1_000)}1`],
    [`1e${'9'.repeat(1_000)}`, `1e${'9'.repeat(1_000)}`],
  ] as const)
    assert.equal(parseExactJson(notation), plain, notation)
})

test('Everything but numbers is as JSON has it', () => {
  const text = '{"text":"1","yes":true,"nothing":null,"list":[],"constructor":"ship"}'
  assert.equal(JSON.stringify(parseExactJson(text)), text)
  assertProperty(
    property(double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      assert.equal(Number(parseExactJson(String(number))), Number(String(number)))
    }),
  )
})

test('A number is what the caller makes of its notation, and only a number is taken for one', () => {
  const text = '{"a":9007199254740993.000001,"b":[1.10,-0,1E+2],"c":"1.10","d":true,"e":null}'
  assert.equal(JSON.stringify(parseExactJson(text, JSON.rawJSON)), text)
  assert.ok(JSON.isRawJSON(parseExactJson('1', JSON.rawJSON)))
  for (const other of ['"1"', '{"rawJSON":"1"}', 'null', 'true', '[1]'])
    assert.ok(!JSON.isRawJSON(parseExactJson(other, JSON.rawJSON)), other)
})

test('A member is a member of its object, whatever its name', () => {
  for (const text of ['{"__proto__":{"b":"1"}}', '{"constructor":{"prototype":{"b":1}},"__proto__":1}']) {
    const parsed = parseExactJson(text, JSON.rawJSON)
    assert.equal(JSON.stringify(parsed), text)
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
    assert.equal(Reflect.get({}, 'b'), undefined)
  }
})

test('A byte order mark is ignored', () => {
  assert.deepEqual(parseExactJson('\uFEFF{"a":"b"}'), { a: 'b' })
})

for (const text of ['', '{', '{"a":01}', "{'a':1}", '{"a":NaN}', '['.repeat(100_000)])
  test(`What is no JSON is malformed: ${text.slice(0, 40)}`, () => {
    assert.throws(
      () => parseExactJson(text),
      (error) => error instanceof AppError && error.code === 'malformed',
    )
  })

async function createWorld(t: TestContext) {
  const app = await createSampleApp(t, { parseJson: parseExactJson })
  app.post('/echo', async (request) => request.body)
  return (payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/echo', payload, headers: { 'content-type': type } })
}

test('An app that reads JSON its own way is given what it made of it, and refuses as others do', async (t) => {
  const post = await createWorld(t)
  assert.equal((await post('{"amount":0.10}')).body, '{"amount":"0.10"}')
  assert.equal((await post('{"amount":0.10}', 'application/json; charset=utf-8')).body, '{"amount":"0.10"}')
  for (const text of ['', '{"amount":']) assert.equal((await post(text)).statusCode, 400, text)
  assert.equal((await post('amount=1', 'text/plain')).statusCode, 415)
  assert.equal((await post(`"${'x'.repeat(1_048_576)}"`)).statusCode, 413)
})

test('A check gives the value, or one fault that names every faulty member', () => {
  const check = compileCheck(Type.Object({ name: Type.String(), age: Type.Integer({ minimum: 0 }) }))
  assert.deepEqual(check({ name: 'ada', age: 36 }), { value: { name: 'ada', age: 36 } })
  const judged = check({ age: -1 })
  assert.ok('error' in judged)
  assert.equal(judged.error.code, 'invalid')
  assert.deepEqual(Object.keys(judged.error.errors ?? {}).toSorted(), ['age', 'name'])
  assert.ok('error' in check(null))
})
