import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOperations } from '../operations.ts'
import type { Operation } from '../operations.ts'

/**
 * While the event loop handles one request it serves nobody else, so no input, however it is made, may keep it long. The time is
 * that of the processor and not of a clock, so that other programs do not count.
 */

const turnMaxMs = 500

/** Texts that expressions and parsers of this kind of input could go over many times, up to a length. */
const fillings: Readonly<Record<string, (length: number) => string>> = {
  zeros: (length) => '0'.repeat(length),
  'zeros between digits': (length) => `1${'0'.repeat(length - 2)}1`,
  'a fraction of zeros': (length) => `0.${'0'.repeat(length - 3)}1`,
  'spaces before a character': (length) => `${' '.repeat(length - 1)}x`,
  letters: (length) => 'a'.repeat(length),
  'at signs': (length) => '@a'.repeat(length / 2),
  quotes: (length) => '"'.repeat(length),
  'tags without a last one': (length) => `${'"a",'.repeat(length / 4)}W/`,
  backslashes: (length) => '\\'.repeat(length),
  commas: (length) => ' ,'.repeat(length / 2),
  semicolons: (length) => 'a;q='.repeat(length / 4),
  'padding before base64': (length) => `${'A=\n'.repeat(length / 3)}!`,
  'line ends': (length) => `AAAA${'\r\n'.repeat((length - 5) / 2)}!`,
  'beginnings of PEM': (length) => '-----BEGIN CERTIFICATE-----\n'.repeat(length / 28),
  'PEM of nothing': (length) =>
    `-----BEGIN CERTIFICATE-----\n${'A'.repeat(length - 60)}\n-----END CERTIFICATE----`,
  'half of surrogate pairs': (length) => '\ud83d'.repeat(length / 6),
  'dates without end': (length) => '2030-01-01T'.repeat(length / 11),
  dots: (length) => '../'.repeat(length / 3),
}

test('No text in a member of a body keeps a service from serving others', async (t) => {
  for (const operation of await bodied(t))
    for (const [name, schema] of Object.entries(Object(operation.bodySchema.properties)))
      for (const [filling, make] of Object.entries(fillings)) {
        const payloadOf = (length: number) => withMember(operation, name, JSON.stringify(make(length)))
        await sendBody(operation, largest(operation, payloadOf), `${name}: ${filling}`)
        // As long as the member may be, so that its form is looked at; what is shorter than 100 is no risk.
        const lengthMax = Math.max(100, Number(Object(schema).maxLength ?? 0))
        await sendBody(
          operation,
          payloadOf(Math.min(lengthMax, operation.bodyBytesMax / 3)),
          `${name}: ${filling}`,
        )
      }
})

test('No number in a body keeps a service from serving others', async (t) => {
  for (const operation of await bodied(t))
    for (const name of memberNames(operation))
      for (const [notation, make] of Object.entries(numbers)) {
        const payload = largest(operation, (length) => withMember(operation, name, make('0'.repeat(length))))
        await sendBody(operation, payload, `${name}: ${notation}`)
      }
})

/** Numbers of any length, by the zeros in them. */
const numbers: Readonly<Record<string, (zeros: string) => string>> = {
  'large integer': (zeros) => `1${zeros}1`,
  'small fraction': (zeros) => `0.${zeros}1`,
  'one in many digits': (zeros) => `1.${zeros}`,
  'large exponent': (zeros) => `1e${zeros}1${zeros.slice(0, 20)}`,
  'many digits with an exponent': (zeros) => `-1${zeros}1e-${zeros.length}`,
}

test('No structure of a body keeps a service from serving others', async (t) => {
  for (const operation of await bodied(t)) {
    const [name = ''] = memberNames(operation)
    const structures: Record<string, (length: number) => string> = {
      'many members': (length) => `{${Array.from({ length }, (_, i) => `"_${i}":1`).join(',')}}`,
      'a member many times': (length) => `{${`"${name}":0,`.repeat(length)}"${name}":0}`,
      'a long name': (length) => `{"${'x'.repeat(length)}":1}`,
      'many objects': (length) => `[${'{},'.repeat(length)}{}]`,
      'a batch of objects': () => `[${'{},'.repeat(999)}{}]`,
      'many numbers': (length) => `[${'0,'.repeat(length)}0]`,
      'deep arrays': (length) => `{"${name}":${'['.repeat(length)}${']'.repeat(length)}}`,
      'deep arrays with a number': (length) => `{"${name}":${'['.repeat(length)}1${']'.repeat(length)}}`,
      'deep objects': (length) => `${'{"a":'.repeat(length)}1${'}'.repeat(length)}`,
      'arrays without an end': (length) => '['.repeat(length),
      'spaces before an end': (length) => `${' '.repeat(length)}{`,
    }
    for (const [structure, make] of Object.entries(structures))
      await sendBody(operation, largest(operation, make), structure)
  }
})

test('No form keeps a service from serving others', async (t) => {
  for (const operation of await bodied(t)) {
    if (!operation.mediaTypes.includes(formType)) continue
    for (const [filling, make] of Object.entries({ ...fillings, ...forms }))
      for (const name of ['', ...memberNames(operation)]) {
        const fields = new URLSearchParams(stringsOf(operation.body))
        const form = largest(operation, (length) => {
          if (name === '') return make(length)
          fields.set(name, make(length).toWellFormed())
          return String(fields)
        })
        await sendBody(operation, form, `${name}: ${filling}`, formType)
      }
  }
})

const forms: Readonly<Record<string, (length: number) => string>> = {
  'many fields': (length) => Array.from({ length }, (_, i) => `_${i}=1`).join('&'),
  ampersands: (length) => '&'.repeat(length),
  'equals signs': (length) => '='.repeat(length),
  'percent signs': (length) => '%'.repeat(length),
  'encoded letters': (length) => '%41'.repeat(length),
  'plus signs': (length) => '+'.repeat(length),
}

test('No text in a path or a query keeps a service from serving others', async (t) => {
  for (const operation of await openOperations(t))
    for (const { name, in: place } of operation.parameters)
      for (const [filling, make] of Object.entries(fillings)) {
        if (place !== 'path' && place !== 'query') continue
        const length = place === 'path' ? 250 : 4_000
        const text = encodeURIComponent(make(length).toWellFormed())
        const url =
          place === 'path' ? operation.path.replace(`{${name}}`, text) : `${operation.url}?${name}=${text}`
        await send(operation, { url: url.replace(/\{\w+\}/g, '1') }, `${name}: ${filling}`)
      }
})

test('No header keeps a service from serving others', async (t) => {
  // Of each service one operation for each method, since what reads headers is the same in all of them.
  const kinds = Map.groupBy(await openOperations(t), ({ service, method }) => `${service} ${method}`)
  for (const [operation] of kinds.values())
    for (const name of headerNames)
      for (const filling of headerFillings) {
        const value = (fillings[filling]?.(15_000) ?? '').replace(/[^\t\x20-\x7e]/g, ' ')
        if (operation !== undefined)
          await send(operation, { headers: { [name]: value }, ...bodyOf(operation) }, `${name}: ${filling}`)
      }
})

const headerNames = [
  ...[
    'accept',
    'accept-encoding',
    'accept-language',
    'content-encoding',
    'cookie',
    'expect',
    'forwarded',
    'host',
  ],
  ...['idempotency-key', 'if-match', 'if-modified-since', 'if-none-match', 'prefer', 'range', 'traceparent'],
  ...['tracestate', 'user-agent', 'via', 'x-forwarded-for', 'x-request-id'],
]
const headerFillings = [
  'zeros',
  'spaces before a character',
  'quotes',
  'tags without a last one',
  'commas',
  'semicolons',
]
const formType = 'application/x-www-form-urlencoded'

type Bodied = Operation & { readonly bodyBytesMax: number }
type Sent = { url?: string; headers?: Record<string, string>; payload?: string }

/** The operations that take a body, with the limit that their descriptions name. */
async function bodied(t: Parameters<typeof openOperations>[0]): Promise<Bodied[]> {
  const operations = (await openOperations(t)).filter(({ mediaTypes }) => mediaTypes.length > 0)
  assert.ok(operations.length >= 11)
  return operations.map((operation) => {
    const [, size] = /at most (\d+) KiB/.exec(operation.description) ?? []
    return { ...operation, bodyBytesMax: Number(size) * 1_024 }
  })
}

/** The names of the members, those that need not be there too. */
function memberNames({ bodySchema }: Bodied): string[] {
  return Object.keys(Object(bodySchema.properties))
}

/** The example with JSON in place of one of its members. */
function withMember({ body }: Bodied, name: string, json: string): string {
  const { [name]: _, ...others } = body
  const members = Object.entries(others).map(
    ([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`,
  )
  return `{${JSON.stringify(name)}:${json}${members.join('')}}`
}

/** The largest of the payloads of any length that is within the limit, or almost. */
function largest({ bodyBytesMax }: Bodied, make: (length: number) => string): string {
  let length = bodyBytesMax
  let payload = make(length)
  while (Buffer.byteLength(payload) > bodyBytesMax) {
    length = Math.floor(length * Math.min(0.97, bodyBytesMax / Buffer.byteLength(payload)))
    payload = make(length)
  }
  return payload
}

async function sendBody(operation: Bodied, payload: string, what: string, type = 'application/json') {
  await send(operation, { payload, headers: { 'content-type': type } }, what)
}

function bodyOf({ mediaTypes, body }: Operation): Sent {
  return mediaTypes.length === 0 ? {} : { payload: JSON.stringify(body) }
}

/** Sends a request, which must be answered, and by no fault of the server, without a long turn of the event loop. */
async function send(
  operation: Operation,
  { url = operation.url, headers = {}, payload }: Sent,
  what: string,
) {
  const { app, method } = operation
  const type = payload === undefined ? {} : { 'content-type': 'application/json' }
  const request = { method, url, headers: { ...type, ...headers }, ...(payload !== undefined && { payload }) }
  const turns = watchTurns()
  const { statusCode, body } = await app.inject(request)
  const longestMs = turns.longestMs()
  const title = `${operation.title}, ${what}`
  assert.ok(longestMs < turnMaxMs, `${title} takes a turn of ${longestMs.toFixed(0)} ms`)
  assert.ok(statusCode < 500 || statusCode === 503, `${title} is ${statusCode}: ${body.slice(0, 200)}`)
  assert.ok(body.length < 64 * 1_024, `${title} gets ${body.length} bytes`)
}

/** The longest that one turn of the event loop occupies the processor from here on. */
function watchTurns(): { longestMs(): number } {
  let longest = 0
  let last = process.threadCpuUsage()
  const measure = () => {
    const { user, system } = process.threadCpuUsage(last)
    longest = Math.max(longest, user + system)
    last = process.threadCpuUsage()
  }
  const turn = () => {
    measure()
    immediate = setImmediate(turn)
  }
  let immediate = setImmediate(turn)
  return {
    longestMs() {
      clearImmediate(immediate)
      measure()
      return longest / 1_000
    },
  }
}

function stringsOf(body: Operation['body']): Record<string, string> {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]))
}
