import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

type Content = { readonly user: string; readonly expire: number; readonly version: number }
type Response = { readonly status: number; readonly content?: Content }

/** How the server breaks its promise. */
export type Break =
  | 'never'
  | 'answers changes before they take effect'
  | 'gives versions by milliseconds'
  | 'fails at each deletion'
  | 'answers creations with 200'

const lateMs = 10
const never = 253_402_300_799

/** The GUIDs of the guid service in memory, right but for one thing. */
export function createGuidServer(broken: Break): Server {
  const contents = new Map<string, Content>()
  let writes = 0
  const nextVersion = () => (broken === 'gives versions by milliseconds' ? Date.now() : ++writes)

  function find(path: string): Content | undefined {
    const found = contents.get(path)
    return found === undefined || found.expire * 1_000 <= Date.now() ? undefined : found
  }

  async function change(path: string, content: Content | undefined): Promise<void> {
    if (broken === 'answers changes before they take effect') await pause(lateMs)
    if (content === undefined) contents.delete(path)
    else contents.set(path, content)
  }

  function respond(method: string, path: string, body: Partial<Content>, ifMatch?: string): Response {
    const found = find(path)
    if (method === 'GET') return found === undefined ? { status: 404 } : { status: 200, content: found }
    if (method === 'POST' && found !== undefined) return { status: 409 }
    if (method !== 'POST' && found === undefined) return { status: 404 }
    if (ifMatch !== undefined && ifMatch !== `"${found?.version}"`) return { status: 412 }
    if (method === 'DELETE') {
      if (broken === 'fails at each deletion') return { status: 500 }
      void change(path, undefined)
      return { status: 204 }
    }
    const { user = '', expire = found?.expire ?? never } = body
    const content = { user, expire: Number(expire), version: nextVersion() }
    void change(path, content)
    return { status: method === 'POST' && broken !== 'answers creations with 200' ? 201 : 200, content }
  }

  return createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const { status, content } = respond(method, url, await bodyOf(request), headers['if-match'])
    const etag = `"${content?.version}"`
    const isSame = method === 'GET' && headers['if-none-match'] === etag
    response.writeHead(isSame ? 304 : status, content === undefined ? {} : { etag })
    response.end(content === undefined || isSame ? '' : JSON.stringify(content))
  })
}

async function bodyOf(request: IncomingMessage): Promise<Partial<Content>> {
  const text = Buffer.concat(await request.toArray()).toString()
  return text === '' ? {} : JSON.parse(text)
}
