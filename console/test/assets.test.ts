import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { addAssets, createAssets, prepareInThread } from '../src/assets.ts'
import { sendTo } from './world.ts'

const main = [
  "import type { Query } from './router.ts'",
  "import { h } from 'preact'",
  "import { go } from './parts/go.ts'",
  '',
  'type Unused = { readonly name: string }',
  'export const open = (query: Query): void => void go(h, query as Unused & Query)',
  "export const later = () => import('./pages/later.ts')",
].join('\n')
const sources = [
  { name: 'main.ts', text: main },
  {
    name: 'parts/go.ts',
    text: "import { other } from '../other.ts'\nexport const go = (...all: unknown[]) => other(all)\n",
  },
  { name: 'other.ts', text: 'export const other = (all: unknown) => all\n' },
  { name: 'pages/later.ts', text: 'export const later = 1\n' },
  { name: 'console.css', text: 'body { margin: 0 }\n' },
  { name: 'preact', text: 'export const h = 1\n//# sourceMappingURL=preact.mjs.map\n' },
]
/** An app with this page alone. */
async function servePage(t: TestContext) {
  const app = await createApp({
    name: 'page',
    title: 'Page',
    description: 'A page.',
    hasOwnHome: true,
    logger: createLogger({ service: 'page', level: 'silent' }),
  })
  addAssets(app, async () => ({ sources, template }))
  t.after(() => app.close())
  return sendTo(await listen(app, { host: '127.0.0.1', port: 0 }))
}

const template = '<head>\n    <!-- files -->\n</head>'

test('Types are removed from modules, and each line and column stays where it was', async () => {
  const [prepared] = await prepareInThread(sources)
  const { content = '' } = prepared ?? {}
  const lines = content.split('\n')
  assert.equal(lines.length, main.split('\n').length)
  for (const gone of ['type ', ': Query', 'as Unused', ': void']) assert.ok(!content.includes(gone), gone)
  for (const [i, line] of main.split('\n').entries())
    assert.equal(lines[i]?.length, line.length, `line ${i + 1}`)
  assert.equal(lines[5]?.indexOf('go(h'), main.split('\n')[5]?.indexOf('go(h'))
})

test('Lines of a module that are comments and nothing else are sent empty', async () => {
  const text =
    "/**\n * A page.\n */\n// One.\nexport const a = 'http://a' // a\n  /* two */\nexport const b = 2\n"
  const [prepared] = await prepareInThread([{ name: 'a.ts', text }])
  assert.equal(prepared?.content, "\n\n\n\nexport const a = 'http://a' // a\n\nexport const b = 2\n")
})

test('The page leads to the first module, to all that it imports at once, and to styles, those of libraries first', async () => {
  const { page, files } = createAssets(await prepareInThread(sources), template)
  const html = page.plain.toString()
  const named = (pattern: RegExp) =>
    [...html.matchAll(pattern)].map(([, url = '']) => url.replace(/\.[\w-]{16}\./, '.'))
  assert.deepEqual(named(/rel="modulepreload" href="(.*?)"/g), [
    '/assets/preact.js',
    '/assets/parts/go.js',
    '/assets/other.js',
  ])
  assert.deepEqual(named(/rel="stylesheet" href="(.*?)"/g), ['/assets/console.css'])
  assert.deepEqual(named(/type="module" src="(.*?)"/g), ['/assets/main.js'])
  const { imports } = JSON.parse(/<script type="importmap">(.*?)<\/script>/.exec(html)?.[1] ?? '')
  for (const name of ['preact', '/assets/main.ts', '/assets/parts/go.ts', '/assets/pages/later.ts'])
    assert.ok(files.has(imports[name]), name)
})

test('What browsers get compressed is the same, and has no reference to maps that are not served', async () => {
  const { files } = createAssets(await prepareInThread(sources), template)
  assert.equal(files.size, sources.length)
  for (const { plain, compressed } of files.values()) {
    assert.equal(brotliDecompressSync(compressed).toString(), plain.toString())
    assert.doesNotMatch(plain.toString(), /sourceMappingURL/)
  }
})

test('Another content has another address, and the same content the same one', async () => {
  const urlsOf = async (text: string) => {
    const changed = sources.map((source) => (source.name === 'other.ts' ? { ...source, text } : source))
    return new Set(createAssets(await prepareInThread(changed), template).files.keys())
  }
  const [first, same, other] = await Promise.all(
    ['1', '1', '2'].map((text) => urlsOf(`export const n = ${text}\n`)),
  )
  assert.deepEqual(first, same)
  assert.equal(first?.symmetricDifference(other ?? new Set()).size, 2)
})

test('The page is served at each of its addresses, with a policy that admits its own scripts only', async (t) => {
  const send = await servePage(t)
  const addresses = ['/', '/traces', '/traces/4bf92f35', '/logs', '/queues', '/queues/billing_queue.dead']
  const others = ['/data', '/data/guid/guids', '/charts', '/promises', '/services/guid', '/actions']
  const responses = await Promise.all([...addresses, ...others].map((path) => send('GET', path)))
  for (const { status, headers, text } of responses) {
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(text, responses[0]?.text)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self'; /)
    assert.match(policy, /require-trusted-types-for 'script'; trusted-types 'none'$/)
    assert.equal(headers['cache-control'], 'no-cache')
  }
})

test('Each file of the page may be kept for ever, compressed for whoever accepts that, and nothing else is there', async (t) => {
  const send = await servePage(t)
  const { text: html } = await send('GET', '/')
  const urls = [...html.matchAll(/(?:href|src)="(\/assets\/.*?)"/g)].map(([, url = '']) => url)
  assert.ok(urls.length > 3)
  for (const url of urls) {
    const [plain, compressed] = await Promise.all([
      send('GET', url),
      send('GET', url, { headers: { 'accept-encoding': 'gzip, br' } }),
    ])
    assert.equal(plain.status, 200, url)
    assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(compressed.headers['content-encoding'], 'br')
    assert.notEqual(plain.headers.etag, compressed.headers.etag)
  }
  const [first = ''] = urls
  for (const path of [
    first.replace(/\.[\w-]{16}\./, '.'),
    '/assets/',
    '/assets/main.ts',
    '/assets/..%2f..%2fpackage.json',
  ])
    assert.ok([400, 404].includes((await send('GET', path)).status), path)
})
