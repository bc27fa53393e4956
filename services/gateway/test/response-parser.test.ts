import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MalformedResponse, createResponseParser } from '../src/http1/response-parser.ts'

/** The response that the parser has passed on. */
type Received = { status: number; reason: string; headers: string[]; body: string; isComplete: boolean }

function createReader(method = 'GET') {
  const received: Received = { status: 0, reason: '', headers: [], body: '', isComplete: false }
  const parser = createResponseParser({
    onHead({ status, reason, headers }, whole) {
      Object.assign(received, { status, reason, headers, body: whole ?? '', isComplete: whole !== undefined })
    },
    onBody(chunk) {
      received.body += chunk.toString('latin1')
    },
    onEnd() {
      received.isComplete = true
    },
  })
  parser.begin(method)
  return { parser, received, push: (text: string) => parser.push(Buffer.from(text, 'latin1')) }
}

function read(text: string, method = 'GET') {
  const { parser, received, push } = createReader(method)
  push(text)
  return { ...received, isPersistent: parser.isPersistent() }
}

const answers = [
  {
    text: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a:\t b \r\n\r\nhello',
    body: 'hello',
    headers: ['content-length', '5', 'x-a', 'b'],
  },
  {
    text: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nB\r\n and \xff\r\n\r\n\0\r\n0\r\nx-t: 1\r\n\r\n',
    body: 'hello and \xff\r\n\r\n\0',
    headers: [],
  },
  {
    text: 'HTTP/1.1 204 No Content\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n',
    body: '',
    headers: ['set-cookie', 'a', 'set-cookie', 'b'],
  },
  {
    text: 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n',
    body: '',
    headers: ['content-length', '0'],
  },
]

for (const { text, body, headers } of answers)
  test(`A response is parsed however its bytes are split: ${JSON.stringify(text.slice(0, 40))}`, () => {
    for (let size = 1; size <= text.length; size += 1) {
      const { received, push } = createReader()
      for (let at = 0; at < text.length; at += size) push(text.slice(at, at + size))
      assert.deepEqual(
        { body: received.body, headers: received.headers, isComplete: received.isComplete },
        { body, headers, isComplete: true },
      )
    }
  })

test('A body in chunks of any size, split anywhere, is decoded unchanged', () => {
  const chunk = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 300,
  })
  fc.assert(
    fc.property(
      fc.array(chunk),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (chunks, cuts) => {
        const coded = chunks.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')
        const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${coded}0\r\n\r\n`
        const { received, push } = createReader()
        for (let at = 0, cut = 0; at < text.length; cut += 1) {
          const size = cuts[cut % cuts.length] ?? 1
          push(text.slice(at, at + size))
          at += size
        }
        assert.equal(received.body, chunks.join(''))
        assert.ok(received.isComplete)
      },
    ),
  )
})

test('A part of a body that was passed on does not change when the buffer is overwritten', () => {
  for (const framing of ['content-length: 6', 'transfer-encoding: chunked', 'connection: close']) {
    const chunks: Buffer[] = []
    const parser = createResponseParser({ onHead() {}, onBody: (chunk) => chunks.push(chunk), onEnd() {} })
    const coded = (text: string) => (framing.includes('chunked') ? `3\r\n${text}\r\n` : text)
    parser.begin('GET')
    for (const text of [`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`, coded('one'), coded('two')]) {
      const bytes = Buffer.from(text)
      parser.push(bytes)
      bytes.fill(0)
    }
    assert.equal(Buffer.concat(chunks).toString(), 'onetwo')
  }
})

test('A response to HEAD, a 204 and a 304 have no body, whatever their Content-Length', () => {
  assert.ok(read('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', 'HEAD').isComplete)
  assert.ok(read('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', 'HEAD').isComplete)
  assert.ok(read('HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n').isComplete)
  assert.ok(read('HTTP/1.1 204 No Content\r\n\r\n').isComplete)
})

test('A response without a length ends when its connection is closed', () => {
  const { parser, received, push } = createReader()
  push('HTTP/1.1 200 OK\r\n\r\nhel')
  push('lo')
  assert.equal(received.isComplete, false)
  assert.equal(parser.close(), true)
  assert.deepEqual([received.body, received.isComplete], ['hello', true])
})

test('A response with a length is incomplete if its connection is closed before', () => {
  for (const text of [
    '',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ]) {
    const { parser, received, push } = createReader()
    push(text)
    assert.equal(parser.close(), false)
    assert.equal(received.isComplete, false)
  }
})

test('A connection persists after HTTP/1.1 without close, and never after HTTP/1.0', () => {
  assert.equal(read('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n').isPersistent, true)
  assert.equal(
    read('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: foo\r\nConnection: Close\r\n\r\n').isPersistent,
    false,
  )
  assert.equal(
    read('HTTP/1.0 200 OK\r\ncontent-length: 0\r\nConnection: keep-alive\r\n\r\n').isPersistent,
    false,
  )
})

test('A connection does not persist after a response to HEAD whose GET would end with it', () => {
  const { parser, push } = createReader('HEAD')
  push('HTTP/1.1 200 OK\r\n\r\n')
  assert.equal(parser.isPersistent(), false)
  assert.equal(read('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', 'HEAD').isPersistent, true)
  assert.equal(read('HTTP/1.1 304 Not Modified\r\n\r\n').isPersistent, true)
})

test('A connection does not persist after a response that ends with it', () => {
  const { parser, push } = createReader()
  push('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello')
  assert.equal(parser.close(), true)
  assert.equal(parser.isPersistent(), false)
})

const keepAlive = {
  'timeout=5': 4_000,
  'max=100, timeout=72': 71_000,
  'timeout=1': 0,
  'timeout=0': 0,
  'TIMEOUT=3, max=1': 2_000,
  max: Number.POSITIVE_INFINITY,
}

for (const [value, ms] of Object.entries(keepAlive))
  test(`A connection may be idle for ${ms} ms after Keep-Alive: ${value}`, () => {
    const { parser, push } = createReader()
    push(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: ${value}\r\n\r\n`)
    assert.deepEqual([parser.keepAliveMs(), parser.isPersistent()], [ms, ms > 0])
  })

test('A 205 has no content, and says so', () => {
  assert.ok(read('HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n').isComplete)
  assert.ok(read('HTTP/1.1 205 Reset Content\r\n\r\n', 'HEAD').isComplete)
})

test('Chunk extensions and trailers are dropped', () => {
  const extensions = ['', ';a', ';a=b', ';a="b ;\\"\t\xff"', ';a=1;b;c=""']
  const trailers = ['', 'x-a: 1\r\n', 'x-a:\r\nX-B: \t2\xff \r\n']
  for (const extension of extensions)
    for (const trailer of trailers) {
      const chunks = `5${extension}\r\nhello\r\n0${extension}\r\n${trailer}\r\n`
      const received = read(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
      assert.deepEqual([received.body, received.isComplete, received.headers], ['hello', true, []])
    }
})

test('A response is not passed on as complete if other bytes follow it in the same read', () => {
  for (const text of [
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\n',
  ])
    for (let cut = 0; cut < text.length; cut += 1) {
      const { received, push } = createReader()
      push(text.slice(0, cut))
      assert.throws(() => push(`${text.slice(cut)}!`), MalformedResponse)
      assert.equal(received.isComplete, false, `cut at ${cut}`)
    }
})

test('Hop-by-hop fields are dropped, including those that Connection names, but never Content-Length', () => {
  const head =
    'Connection: x-own, Content-Length\r\nKeep-Alive: timeout=5\r\nX-Own: 1\r\nX-Kept: 2\r\nProxy-Connection: a\r\nUpgrade: h2c\r\nTrailer: x\r\n'
  assert.deepEqual(read(`HTTP/1.1 200 OK\r\n${head}Content-Length: 0\r\n\r\n`).headers, [
    'X-Kept',
    '2',
    'Content-Length',
    '0',
  ])
})

const malformed = {
  'two lengths that differ': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
  'two lengths that agree': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello',
  'a list of lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello',
  'a length with a sign': 'HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello',
  'a length without digits': 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhello',
  'a length and chunks':
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'another transfer coding': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'a tab after the transfer coding': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\t\r\n\r\n0\r\n\r\n',
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'another version': 'HTTP/2.0 200 OK\r\n\r\n',
  'no version': '200 OK\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'no space after the status': 'HTTP/1.1 200\r\n\r\n',
  'two spaces before the status': 'HTTP/1.1  200 OK\r\n\r\n',
  'a tab before the status': 'HTTP/1.1\t200 OK\r\n\r\n',
  'a name in lower case': 'http/1.1 200 OK\r\n\r\n',
  'a status of no class': 'HTTP/1.1 700 What\r\n\r\n',
  'a control character in the reason': 'HTTP/1.1 200 O\x07K\r\n\r\n',
  'an empty line first': '\r\nHTTP/1.1 200 OK\r\n\r\n',
  'a folded line': 'HTTP/1.1 200 OK\r\nx-a: 1\r\n more\r\n\r\n',
  'a space before the colon': 'HTTP/1.1 200 OK\r\nx-a : 1\r\n\r\n',
  'a line without a colon': 'HTTP/1.1 200 OK\r\nnonsense\r\nx-a: 1\r\n\r\n',
  'a field without a name': 'HTTP/1.1 200 OK\r\n: 1\r\n\r\n',
  'a line feed alone': 'HTTP/1.1 200 OK\r\nx-a: 1\nx-b: 2\r\n\r\n',
  'a carriage return alone': 'HTTP/1.1 200 OK\r\nx-a: 1\rx-b: 2\r\n\r\n',
  'line feeds alone as all line ends': 'HTTP/1.1 200 OK\ncontent-length: 0\n\n',
  'carriage returns alone as all line ends': 'HTTP/1.1 200 OK\rcontent-length: 0\r\r',
  'a line feed alone in an incomplete head': 'HTTP/1.1 200 OK\r\nx-a: 1\n',
  'a zero byte in a name': 'HTTP/1.1 200 OK\r\nx\0a: 1\r\n\r\n',
  'a zero byte': 'HTTP/1.1 200 OK\r\nx-a: 1\x002\r\n\r\n',
  'a head that is too large': `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(17_000)}\r\n\r\n`,
  'a head without end': `HTTP/1.1 200 OK\r\n${'x-a: 1\r\n'.repeat(3_000)}`,
  'bytes after the end': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, world',
  'a second answer': 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'a body for a 304': 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello',
  'a 204 with a length': 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n',
  'a 204 with a length of 0': 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n',
  'a 204 with chunks': 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n',
  'a 205 with content': 'HTTP/1.1 205 Reset Content\r\ncontent-length: 5\r\n\r\nhello',
  'a 205 with chunks': 'HTTP/1.1 205 Reset Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'a 205 without a length': 'HTTP/1.1 205 Reset Content\r\n\r\n',
  'an interim response with a length':
    'HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  'an interim response with chunks':
    'HTTP/1.1 100 Continue\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  'an interim response of HTTP/1.0':
    'HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  'an interim response that closes':
    'HTTP/1.1 103 Early Hints\r\nconnection: close\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  'another protocol': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n',
  'interim answers without end': 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(11),
  'a chunk without a size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nhello',
  'a chunk with a negative size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n',
  'a chunk with a size in another base':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n',
  'a chunk with a huge size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000000\r\nhello',
  'a chunk longer than its size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhello\r\n',
  'a chunk size that ends in a line feed alone':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n',
  'a chunk size with a sign': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n',
  'a chunk size after a space':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n',
  'a chunk size before a space':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n',
  'a chunk extension that is no token':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a b\r\nhello\r\n',
  'a chunk extension without a name': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;\r\nhello\r\n',
  'a chunk extension without a value':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=\r\nhello\r\n',
  'a chunk extension with an open quotation':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a="b\r\nhello\r\n',
  'a chunk extension with a carriage return':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n',
  'a chunk extension that ends in a line feed alone':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a\nhello\r\n',
  'a trailer without a colon': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n',
  'a trailer without a name': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n: 1\r\n\r\n',
  'a trailer with a space before the colon':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a : 1\r\n\r\n',
  'a folded trailer': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a: 1\r\n more\r\n\r\n',
  'a trailer with a carriage return':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a: 1\r2\r\n\r\n',
  'a trailer that ends in a line feed alone':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a: 1\n\r\n',
  'a length as trailer':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n',
  'a transfer coding as trailer':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n',
  'a chunk extension without end': `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;${'a'.repeat(2_000)}`,
  'trailers without end': `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${'x-trailer: 1\r\n'.repeat(2_000)}`,
  'bytes after the last chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nmore',
}

for (const [what, text] of Object.entries(malformed))
  test(`A response is rejected for ${what}, in one piece and byte by byte`, () => {
    assert.throws(() => read(text), MalformedResponse)
    const { push } = createReader()
    assert.throws(() => [...text].forEach(push), MalformedResponse)
  })

test('Unrequested bytes are rejected', () => {
  const parser = createResponseParser({ onHead() {}, onBody() {}, onEnd() {} })
  assert.throws(() => parser.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), MalformedResponse)
})
