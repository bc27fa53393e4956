import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readDocuments } from '../openapi.ts'
import { topology } from '../../services/gateway/src/topology.ts'

/** Each operation of a service is in the collection and in an `.http` file. */

type Item = { readonly name: string; readonly request?: Request; readonly item?: readonly Item[] }
type Request = { readonly method: string; readonly url: { readonly raw: string } }

const root = new URL('../..', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const documents = await readDocuments()
const collection: Item = JSON.parse(read('clients/postman/quintet.postman_collection.json'))
const environment: { values: { key: string }[] } = JSON.parse(
  read('clients/postman/local.postman_environment.json'),
)

for (const service of documents.keys()) {
  test(`The collection has every operation of ${service}`, () => {
    const requests = requestsOf(collection).map(({ method, url }) => `${method} ${url.raw}`)
    assert.deepEqual(missing(service, requests, [`{{${service}}}`, '{{gateway}}']), [])
  })

  test(`${service}.http has every operation of ${service}`, () => {
    const file = read(`services/${service}/${service}.http`)
    const requests = [...file.matchAll(/^[A-Z]+ \S+/gm)].map(([request]) => request)
    assert.deepEqual(missing(service, requests, ['{{host}}']), [])
  })
}

test('Every operation has an operationId of its own within its service', () => {
  for (const [service, { paths }] of documents) {
    const ids = Object.values(paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    )
    assert.ok(ids.length > 2 && ids.every((id) => id !== undefined), service)
    assert.equal(new Set(ids).size, ids.length, service)
  }
})

test('Each request can have a token or an API key: by the collection, and by two lines of each in an .http file', () => {
  const { auth, variable, event } = JSON.parse(JSON.stringify(collection))
  assert.deepEqual(auth, { type: 'bearer', bearer: [{ key: 'token', value: '{{token}}', type: 'string' }] })
  assert.deepEqual(
    variable.map(({ key, value }: { key: string; value: string }) => [key, value]),
    [
      ['token', ''],
      ['apiKey', ''],
    ],
  )
  const [before] = event.filter(({ listen }: { listen: string }) => listen === 'prerequest')
  assert.match(
    before.script.exec.join('\n'),
    /if \(apiKey\) pm\.request\.headers\.upsert\(\{ key: 'X-Api-Key'/,
  )
  for (const service of documents.keys()) {
    const file = read(`services/${service}/${service}.http`)
    assert.match(file, /^@authorization =\n@apiKey =$/m)
    const requests = [...file.matchAll(/^[A-Z]+ \S+\n((?:\S+: .*\n)*)/gm)]
    assert.ok(requests.length > 5, service)
    for (const [text, fields = ''] of requests)
      assert.ok(fields.startsWith('Authorization: {{authorization}}\nX-Api-Key: {{apiKey}}\n'), text)
  }
})

test('Each request of the collection has a description and assertions', () => {
  const items = leavesOf(collection)
  assert.ok(items.length > 100)
  for (const item of items) {
    const { request, event } = JSON.parse(JSON.stringify(item))
    assert.ok(request.description, item.name)
    const scripts = event.filter(({ listen }: { listen: string }) => listen === 'test')
    assert.match(scripts[0].script.exec.join('\n'), /pm\.test\(/, item.name)
  }
})

test('docs/api.md has a row with the idempotent requests of each service that has a POST', () => {
  const page = read('docs/api.md')
  for (const [service, { paths }] of documents)
    if (Object.values(paths).some((item) => 'post' in item))
      assert.match(page, new RegExp(`^\\| ${service} +\\| \`POST /`, 'm'))
})

test('The environment has an address for the gateway and for each service', () => {
  const names = environment.values.map(({ key }) => key)
  for (const service of documents.keys()) assert.ok(names.includes(service), service)
})

/** The operations of a service for which there is no request to one of these hosts. */
function missing(service: string, requests: readonly string[], hosts: readonly string[]): string[] {
  const operations = Object.entries(documents.get(service)?.paths ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ method: method.toUpperCase(), path })),
  )
  assert.ok(operations.length > 2)
  return operations
    .filter(({ method, path }) => !requests.some((request) => isFor(request, service, method, path, hosts)))
    .map(({ method, path }) => `${method} ${path}`)
}

function isFor(
  request: string,
  service: string,
  method: string,
  path: string,
  hosts: readonly string[],
): boolean {
  return hosts.some((host) => {
    const name = host === '{{gateway}}' && service !== 'gateway' ? publicPathOf(path, service) : path
    if (name === undefined) return false
    const pattern = RegExp.escape(`${method} ${host}${name}`).replaceAll(
      /\\\{[a-z_]+\\\}(?=\\\/|$)/g,
      '[^/?]+',
    )
    return new RegExp(`^${pattern}(\\?.*)?$`).test(request)
  })
}

/** The path of the gateway that is forwarded to a path of a service; undefined if there is none. */
function publicPathOf(path: string, service: string): string | undefined {
  const paths = Object.entries(topology.find(({ name }) => name === service)?.paths ?? {})
  const found = paths.find(([, there]) => path === there || path.startsWith(`${there}/`))
  return found && found[0] + path.slice(found[1].length)
}

function leavesOf(item: Item): Item[] {
  return item.item === undefined ? [item] : item.item.flatMap(leavesOf)
}

function requestsOf(item: Item): Request[] {
  return leavesOf(item).flatMap(({ request }) => (request === undefined ? [] : [request]))
}
