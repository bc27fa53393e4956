import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { connectionOptions, headerField } from '../src/http1/header-fields.ts'
import { createResponseParser } from '../src/http1/response-parser.ts'

test('A field name is a token, and is compared in lower case', () => {
  assert.deepEqual(headerField('X-A'), { name: 'x-a', isHopByHop: false, isOfServer: false })
  assert.deepEqual(headerField('TRANSFER-Encoding'), {
    name: 'transfer-encoding',
    isHopByHop: true,
    isOfServer: false,
  })
  for (const name of [
    '',
    ' a',
    'a ',
    'a\tb',
    'a:b',
    'a\0b',
    'a\rb',
    'a\nb',
    'a(b',
    'a"b',
    'a\x7f',
    'ä',
    '\xa0a',
  ])
    assert.equal(headerField(name), undefined, JSON.stringify(name))
})

const connections = [
  { value: undefined, isClose: false, nominated: [] },
  { value: '', isClose: false, nominated: [] },
  { value: 'keep-alive', isClose: false, nominated: [] },
  { value: 'Keep-Alive, X-A ,\tx-b', isClose: false, nominated: ['x-a', 'x-b'] },
  { value: 'CLOSE', isClose: true, nominated: ['close'] },
  { value: ' , close ,x-a', isClose: true, nominated: ['close', 'x-a'] },
  { value: 'closed, x-close', isClose: false, nominated: ['closed', 'x-close'] },
  { value: 'close;q=1', isClose: true, nominated: ['close;q=1'] },
  { value: '\xa0close', isClose: true, nominated: ['\xa0close'] },
  { value: 'keep-alive close', isClose: true, nominated: ['keep-alive close'] },
]

for (const { value, isClose, nominated } of connections)
  test(`Connection: ${JSON.stringify(value)} ${isClose ? 'closes' : 'keeps'} the connection`, () => {
    const options = connectionOptions(value)
    assert.deepEqual([options.isClose, [...(options.nominated ?? [])]], [isClose, nominated])
  })

test('However many and long the field names of an upstream are, they are not kept in memory', () => {
  const parser = createResponseParser({ onHead() {}, onBody() {}, onEnd() {} })
  const read = (count: number, name: (number: number) => string) => {
    for (let number = 0; number < count; number += 1) {
      parser.begin('GET')
      const fields = `${name(number)}: 1\r\nx-filler: ${'a'.repeat(8_000)}`
      parser.push(Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${fields}\r\n\r\n`))
    }
  }
  const short = (number: number) => `x-an-invented-name-${number}`
  const long = (number: number) => `x-${number}-${'b'.repeat(7_000)}`
  read(10, short)
  const before = heapBytes()
  read(5_000, short)
  read(5_900, long)
  const grownBytes = heapBytes() - before
  assert.ok(grownBytes < 2_000_000, `${grownBytes} bytes`)
})

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
