import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { duplicateMember, parseExactJson } from '@quintet/chassis/json'
import { createSampleApp } from './sample-app.ts'

const duplicates: ReadonlyArray<[text: string, name: string]> = [
  ['{"a":1,"a":1}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"a":{},"b":[{"c":1,"c":null}]}', 'c'],
  ['[{"a":1},{"a":[],"a":[]}]', 'a'],
  ['{"":1,"":2}', ''],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ['{"a\\"":1,"b":"a\\":","a\\"":1}', 'a"'],
  ['{"a":1.50,"b":":{\\"","a":2}', 'a'],
  ['{"1":1,"0":1,"1":2}', '1'],
  ['{"rawJSON":1,"rawJSON":1}', 'rawJSON'],
]

const unique = [
  '{"a":{"a":{"a":1}},"b":["a","a",{"a":"a:"}]}',
  '{}',
  '[]',
  '"a:a"',
  '1',
  '{"a":"\\\\","b":"\\"}"}',
]

test('JSON with a member twice is refused by its name, and no other is', async (t) => {
  for (const parseJson of [undefined, parseExactJson]) {
    const app = await createSampleApp(t, parseJson && { parseJson: (text) => parseJson(text) })
    app.post('/', async ({ body }) => ({ body }))
    const send = (payload: string) =>
      app.inject({ method: 'POST', url: '/', payload, headers: { 'content-type': 'application/json' } })
    for (const [text, name] of duplicates) {
      const response = await send(text)
      assert.equal(response.statusCode, 400, text)
      const title = name === '' ? 'A member with an empty name' : name
      assert.deepEqual(Object.entries(response.json().errors), [[name, `${title} must be given once.`]])
    }
    for (const text of unique) assert.equal((await send(text)).statusCode, 200, text)
  }
})

test('A member is found twice behind a string of any length, whatever escapes the string ends with', async (t) => {
  const app = await createSampleApp(t)
  app.post('/', async ({ body }) => ({ body }))
  const send = (payload: string) =>
    app.inject({ method: 'POST', url: '/', payload, headers: { 'content-type': 'application/json' } })
  for (const length of [0, 1, ...Array.from({ length: 8 }, (_, i) => 58 + i), 200])
    for (const end of ['', '\\', '"', '\\"', '\\\\', '""', '\n",:{[', ',:'.repeat(10_000)]) {
      const text = JSON.stringify({ text: 'x'.repeat(length) + end })
      assert.equal((await send(text)).statusCode, 200, text.slice(0, 300))
      const response = await send(`${text.slice(0, -1)},"a":1,"a":2}`)
      assert.deepEqual(response.json().errors, { a: 'a must be given once.' }, text.slice(0, 300))
    }
})

test('A member is found twice exactly where it is put in twice, whatever else is in the JSON', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (object) => {
      const text = JSON.stringify(object)
      const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
      assert.equal(duplicateMember(text, JSON.parse(text), colons), undefined)
      const [name = ''] = Object.keys(JSON.parse(text))
      const twice = `${text.slice(0, -1)},${JSON.stringify(name)}:null}`
      assert.equal(duplicateMember(twice, JSON.parse(twice), colons + 1), name)
    }),
  )
})
