import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { brotliCompressSync } from 'node:zlib'
import { AppError } from '@quintet/chassis/errors'
import type { App, FastifyReply, FastifyRequest } from '@quintet/chassis/http'
import { readPage } from './asset-files.ts'
import type { PageSource, Prepared, Source } from './asset-files.ts'

/** A file ready to be sent. */
type Asset = {
  readonly type: string
  readonly plain: Buffer
  readonly compressed: Buffer
  readonly etag: string
}
type Assets = {
  readonly page: Asset
  /** The policy of the page. */
  readonly policy: string
  readonly files: ReadonlyMap<string, Asset>
}

/** Every address that the page itself reads. */
const addresses = [
  ...['/', '/traces', '/traces/:id', '/logs', '/queues', '/queues/:name', '/data', '/data/*', '/charts'],
  ...['/promises', '/services', '/services/:name', '/actions'],
]

const hidden = { schema: { hide: true, scope: 'public' } }
const forever = 'public, max-age=31536000, immutable'

/** The page and its files, from memory only. They are prepared at the first visit, so that a start takes no longer. */
export function addAssets(app: App, read: () => Promise<PageSource> = readPage): void {
  let preparing: Promise<Assets> | undefined
  const assets = () => {
    preparing ??= prepare(read).catch((error: unknown) => {
      preparing = undefined
      throw error
    })
    return preparing
  }

  for (const address of addresses)
    app.get(address, hidden, async (request, reply) => {
      const { page, policy } = await assets()
      reply.header('content-security-policy', policy).header('cache-control', 'no-cache')
      return send(request, reply, page)
    })

  app.get('/assets/*', hidden, async (request, reply) => {
    const { files } = await assets()
    const file = files.get(request.url.split('?', 1)[0] ?? '')
    if (file === undefined) throw new AppError('not_found', `There is nothing at GET ${request.url}.`)
    return send(request, reply.header('cache-control', forever), file)
  })
}

async function prepare(read: () => Promise<PageSource>): Promise<Assets> {
  const { sources, template } = await read()
  return createAssets(await prepareInThread(sources), template)
}

/** Removes types and compresses, which takes longer than a request may hold up the others. */
export async function prepareInThread(sources: readonly Source[]): Promise<Prepared[]> {
  const thread = new Worker(new URL('./assets-thread.ts', import.meta.url), {
    workerData: sources,
    execArgv: [],
  })
  const [prepared]: Prepared[][] = await once(thread, 'message')
  await thread.terminate()
  return prepared ?? []
}

/** Gives each file an address with its hash, and the page what leads to them. */
export function createAssets(prepared: readonly Prepared[], template: string): Assets {
  const files = new Map<string, Asset>()
  const urls = new Map<string, string>()
  for (const one of prepared) {
    const asset = assetOf(one)
    const url = `/assets/${one.name.replace(/\.(?:ts|css)$/, '')}.${hashOf(one.content)}.${extensionOf(one.name)}`
    files.set(url, asset)
    urls.set(one.name, url)
  }
  const map = importMapOf(urls)
  const html = template.replace('<!-- files -->', () => headOf(map, urls, preloaded(prepared)))
  return {
    files,
    page: { ...textAsset('text/html; charset=utf-8', html), compressed: brotliCompressSync(html) },
    policy: policyWith(`'sha256-${createHash('sha256').update(map).digest('base64')}'`),
  }
}

function assetOf({ name, content, compressed }: Prepared): Asset {
  const type = name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8'
  return { ...textAsset(type, content), compressed: Buffer.from(compressed) }
}

function textAsset(type: string, content: string): Asset {
  const plain = Buffer.from(content)
  return { type, plain, compressed: plain, etag: `"${hashOf(content)}"` }
}

/** The address of each name as modules import it: those of the page import each other by their paths. */
function importMapOf(urls: ReadonlyMap<string, string>): string {
  const imports = [...urls]
    .filter(([name]) => !name.endsWith('.css'))
    .map(([name, url]) => [name.endsWith('.ts') ? `/assets/${name}` : name, url])
  return JSON.stringify({ imports: Object.fromEntries(imports) })
}

function headOf(map: string, urls: ReadonlyMap<string, string>, preloaded: readonly string[]): string {
  const entry = urls.get(entryName)
  const styles = [...urls].filter(([name]) => name.endsWith('.css'))
  return [
    `<script type="importmap">${map}</script>`,
    ...styles.map(([, url]) => `<link rel="stylesheet" href="${url}">`),
    ...preloaded.map((name) => `<link rel="modulepreload" href="${urls.get(name)}">`),
    `<script type="module" src="${entry}"></script>`,
  ].join('\n    ')
}

const entryName = 'main.ts'

/** The modules that the first one imports, and those that these import: each would cost a round trip of its own otherwise. */
function preloaded(prepared: readonly Prepared[]): string[] {
  const contents = new Map(prepared.map(({ name, content }) => [name, content]))
  if (!contents.has(entryName)) throw new Error(`The page has no ${entryName}.`)
  const found = new Set([entryName])
  for (const name of found)
    for (const [, specifier = ''] of (contents.get(name) ?? '').matchAll(staticImport)) {
      const target = /^\.{1,2}\//.test(specifier) ? relativeTo(name, specifier) : specifier
      if (contents.has(target)) found.add(target)
    }
  found.delete(entryName)
  return [...found]
}

const staticImport = /\b(?:from|import) ?["']([\w./-]{1,200})["']/g

function relativeTo(name: string, specifier: string): string {
  return new URL(specifier, `http://page/${name}`).pathname.slice(1)
}

function policyWith(script: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' ${script}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

function send({ headers }: FastifyRequest, reply: FastifyReply, { type, plain, compressed, etag }: Asset) {
  const isCompressed =
    compressed !== plain && /(?:^|[ ,])br(?:$|[ ,;])/.test(String(headers['accept-encoding'] ?? ''))
  if (isCompressed) reply.header('content-encoding', 'br')
  // Each form of a file has a tag of its own (RFC 9110, 8.8.3.3).
  const tag = isCompressed ? etag.replace(/"$/, '-br"') : etag
  return reply
    .type(type)
    .header('vary', 'accept-encoding')
    .header('etag', tag)
    .send(isCompressed ? compressed : plain)
}

function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 16)
}

function extensionOf(name: string): string {
  return name.endsWith('.css') ? 'css' : 'js'
}
