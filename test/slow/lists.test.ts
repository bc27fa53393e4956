import assert from 'node:assert/strict'
import { StatementSync } from 'node:sqlite'
import type { SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { makeCertificate } from '../../services/certificates/test/make-certificate.ts'
import type { Operation, Schema } from '../operations.ts'
import { openTargets } from '../targets.ts'
import type { Target } from '../targets.ts'

/** Lists of all services, with rows as large as the operations accept them, at the service and through the gateway. */

/** A page ends with the row with which it has this many bytes. */
const pageBytesMax = 524_288
/** What may be read for a page: besides its rows, what its last step has read. */
const readBytesMax = 1_048_576
/** Lists are filled with so many bytes, or with more rows than a page has. */
const fillBytes = 2_097_152
const fillRowsMax = 1_100

test('No list reads or sends more than a page may have, and the pages have each row once, however large the rows are', async (t) => {
  const bytesRead = countBytesRead(t)
  const targets = await openTargets(t)
  const lists = targets.filter((target) => isList(target) && !target.isForwarded && canBeLarge(target))
  assert.ok(lists.length >= 8)
  for (const list of lists) {
    const added = await fill(list, targets)
    const readAll = (limit: number) => readPages(list, limit, bytesRead)
    await until(async () => (await readAll(1_000)).length >= added)
    const rows = await readAll(1_000)
    assert.equal(new Set(rows).size, rows.length, list.title)
    assert.deepEqual(await readAll(100), rows, list.title)
    const forwarded = targets.filter(({ title, isForwarded }) => title === list.title && isForwarded)
    for (const target of forwarded) assert.deepEqual(await readForwarded(target, 1_000), rows, list.title)
  }
})

function isList({ method, parameters }: Operation): boolean {
  return method === 'GET' && parameters.some(({ name }) => name === 'limit')
}

/** Of billing, whose orders have a hundred bytes at most, no page can have more than it may. */
function canBeLarge({ service }: Operation): boolean {
  return service !== 'billing'
}

/** The rows of all pages, as texts; each page is checked. */
async function readPages(
  { app, url, title }: Target,
  limit: number,
  bytesRead: () => number,
): Promise<string[]> {
  const all: string[] = []
  for (let next: string | undefined = `${url}?limit=${limit}`; next !== undefined; ) {
    const before = bytesRead()
    const response: Awaited<ReturnType<typeof app.inject>> = await app.inject(next)
    const { body, statusCode, headers } = response
    const read = bytesRead() - before
    assert.equal(statusCode, 200, `${title}: ${body}`)
    const rows = textsOf(JSON.parse(body))
    const largest = Math.max(0, ...rows.map((row) => Buffer.byteLength(row)))
    const length = Buffer.byteLength(body)
    assert.ok(length < pageBytesMax + largest + limit + 2, `${title}: a page of ${length} bytes`)
    assert.ok(read <= readBytesMax, `${title}: ${read} bytes were read for a page of ${length}`)
    assert.ok(rows.length <= limit, title)
    all.push(...rows)
    next = nextOf(headers.link)
  }
  return all
}

async function readForwarded({ port, target }: Target, limit: number): Promise<string[]> {
  const all: string[] = []
  for (let next: string | undefined = `${target}?limit=${limit}`; next !== undefined; ) {
    const response: Response = await fetch(`http://127.0.0.1:${port}${next}`)
    all.push(...textsOf(await response.json()))
    next = nextOf(response.headers.get('link'))
  }
  return all
}

function textsOf(rows: unknown): string[] {
  assert.ok(Array.isArray(rows))
  return rows.map((row) => JSON.stringify(row))
}

function nextOf(link: unknown): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(String(link))?.[1]
}

type Values = [Record<string, SQLInputValue>]

/** Counts the bytes of the texts that statements of embedded databases return to this thread. */
function countBytesRead(t: TestContext): () => number {
  let bytes = 0
  const { all, iterate } = StatementSync.prototype
  const count = (row: object) => {
    for (const value of Object.values(row)) if (typeof value === 'string') bytes += Buffer.byteLength(value)
    return row
  }
  t.mock.method(StatementSync.prototype, 'all', function (this: StatementSync, ...values: Values) {
    return all.apply(this, values).map(count)
  })
  t.mock.method(StatementSync.prototype, 'iterate', function (this: StatementSync, ...values: Values) {
    return iterate.apply(this, values).map(count)
  })
  return () => bytes
}

type Filling = { readonly by: string; readonly body?: (n: number) => unknown; readonly count?: number }

const wide = '\u{1f3ac}'
/** Names of 12 KiB, which are repeated in the description of a certificate. */
const names = Array.from({ length: 90 }, (_, n) => `${n}.${'x'.repeat(60)}.${'y'.repeat(60)}.example`)
const orders: Filling = {
  by: 'POST /accounts/1/orders',
  body: (n) =>
    Array.from({ length: 250 }, (_, at) => ({
      timestamp: 1_571_325_625,
      operation: 'BUY',
      issuer_name: wide.repeat(100),
      total_shares: n * 250 + at + 1,
      share_price: 0.000001,
      client_order_id: `${n}-${at}${wide.repeat(50)}`,
    })),
}

/** How lists are filled, other than by the POST of the same path with the longest texts that it takes. */
const fillings: Readonly<Record<string, Filling>> = {
  listGuids: { by: 'POST /guid' },
  listGuidEvents: { by: 'POST /guid', count: 0 },
  listAccountOrders: orders,
  listLedger: orders,
  listCertificates: {
    by: 'POST /users/1/certificates',
    body: () => ({ private_key: 'YQ==', active: true, body: certificate }),
  },
  listNotifications: {
    by: 'PATCH /users/1/certificates/1',
    body: (n) => ({ active: n % 2 === 1, notify: true }),
    count: 300,
  },
}
const certificate = makeCertificate({ notBefore: Date.UTC(2030, 0), notAfter: Date.UTC(2031, 0), names }).pem

/** Adds rows to a list, one after the other; resolves to their number. */
async function fill(list: Target, targets: readonly Target[]): Promise<number> {
  const { by, body, count = fillRowsMax } = fillings[nameOf(list)] ?? { by: `POST ${list.url}` }
  const named = (name: string) =>
    targets.find(({ service, method, url }) => service === list.service && `${method} ${url}` === name)
  const operation = named(by)
  assert.ok(operation !== undefined, `${list.title} is filled by nothing; say how in fillings.`)
  // What is below another resource needs that first.
  const parent = named(`POST ${list.url.replace(/\/1\/.*$/, '')}`)
  if (parent !== undefined && parent !== operation) await send(parent, parent.body)
  let [added, bytes] = [0, 0]
  for (let n = 0; added < count && bytes < fillBytes; n += 1) {
    const sent = body?.(n) ?? longest(operation)
    await send(operation, sent)
    added += Array.isArray(sent) ? sent.length : 1
    bytes += JSON.stringify(sent).length * 2
  }
  return added
}

const nameOf = ({ title }: Target) => title.split(' ')[1] ?? ''

async function send({ app, method, url, title }: Target, payload: unknown): Promise<void> {
  const { statusCode, body } = await app.inject({
    method,
    url,
    payload: JSON.stringify(payload),
    headers: { 'content-type': 'application/json' },
  })
  assert.ok(statusCode < 300 || (statusCode === 409 && method === 'POST'), `${title}: ${body}`)
}

/** The example of a body, with the longest texts of four bytes a character in the members that take any text. */
function longest({ body, bodySchema }: Operation): object {
  const properties: Schema = Object(bodySchema.properties)
  const filled = Object.entries(body).map(([name, example]) => {
    const { maxLength = 0, pattern = '' }: Schema = Object(properties[name])
    const text = wide.repeat(Number(maxLength))
    const takesAny = typeof example === 'string' && new RegExp(String(pattern), 'u').test(text)
    return [name, takesAny && text !== '' ? text : example]
  })
  return Object.fromEntries(filled)
}
