import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'

type Answer = {
  status: number
  reason: string
  headers: IncomingMessage['headers']
  /** Names in lower case and values alternately, without the fields of the client's connection. */
  fields: string[]
  body: Buffer
  json(): Record<string, unknown>
}

/** Sends one request on a new connection, and reads the whole response. */
export async function ask(
  url: string,
  options: RequestOptions & { body?: Buffer | string } = {},
): Promise<Answer> {
  const answer = await start(url, options)
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return {
    status: answer.statusCode ?? 0,
    reason: answer.statusMessage ?? '',
    headers: answer.headers,
    fields: fieldsOf(answer.rawHeaders),
    body,
    json: () => JSON.parse(body.toString()),
  }
}

/** Sends one request on a new connection, and resolves with the head of the response. */
export async function start(
  url: string,
  { body, ...options }: RequestOptions & { body?: Buffer | string },
): Promise<IncomingMessage> {
  const outgoing = request(url, { agent: new Agent({ keepAlive: false }), ...options })
  outgoing.end(body)
  const [answer] = await once(outgoing, 'response')
  return answer
}

function fieldsOf(rawHeaders: string[]): string[] {
  const fields: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = String(rawHeaders[at]).toLowerCase()
    if (!['connection', 'keep-alive', 'transfer-encoding'].includes(name))
      fields.push(name, String(rawHeaders[at + 1]))
  }
  return fields
}
