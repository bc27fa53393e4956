import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { App } from '@quintet/chassis/http'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { listen } from '@quintet/chassis/http'

/** Who sends a request: owners of their own, one who may read what anybody owns, one who may change it, and nobody in particular. */
export type Sender = 'ada' | 'bob' | 'reader' | 'writer' | 'nobody'

const scopesOf: Readonly<Record<Exclude<Sender, 'nobody'>, readonly string[]>> = {
  ada: [],
  bob: [],
  reader: ['all:read'],
  writer: ['all:write'],
}

export type Sent = {
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Senders with an API key each, which has these scopes and their own; and the settings of a service that takes the keys. */
export function createPrincipals(
  t: TestContext,
  scopes: readonly string[],
  AUTH: 'required' | 'optional' = 'required',
) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-principals-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const made = Object.entries(scopesOf).map(
    ([id, own]) => [id, createApiKey({ id, scopes: [...scopes, ...own] })] as const,
  )
  const keys = new Map<string, string>(made.map(([id, { key }]) => [id, key]))
  const API_KEYS_FILE = join(folder, 'keys.jsonl')
  writeFileSync(API_KEYS_FILE, made.map(([, { entry }]) => JSON.stringify(entry)).join('\n'))

  const settings = { AUTH, API_KEYS_FILE }

  /** Sends a request over a connection, since others come past the guard. No response may have an owner. */
  async function send(url: string, sender: Sender, { method = 'GET', path, body, headers }: Sent) {
    const key = keys.get(sender)
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(key !== undefined && { 'x-api-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const { status, headers: fields } = response
    const text = await response.text()
    assert.doesNotMatch(text + JSON.stringify([...fields]), /key:/)
    return { status, headers: fields, text }
  }

  return {
    settings,
    send,
    async listen(app: App) {
      const url = await listen(app, { host: '127.0.0.1', port: 0 })
      return (sender: Sender, request: Sent) => send(url, sender, request)
    },
  }
}

/** A response without what differs from one request to the next. */
export function comparable({ status, headers, text }: { status: number; headers: Headers; text: string }) {
  const requestId = headers.get('x-request-id') ?? ''
  // The length is that of the text, with its request id.
  const varying = ['date', 'x-request-id', 'keep-alive', 'connection', 'content-length']
  const fields = [...headers].filter(([name]) => !varying.includes(name))
  return { status, fields, text: requestId === '' ? text : text.replaceAll(requestId, 'id') }
}

/** The operations of a service that need a scope of this prefix, by its document. */
export async function operationsOf(app: App, scope: string): Promise<string[]> {
  const { paths } = (await app.inject({ url: '/openapi.json' })).json()
  const operations: { operationId: string; security?: unknown }[] = Object.values<object>(paths).flatMap(
    (item) => Object.values(item),
  )
  return operations
    .filter(({ security }) => JSON.stringify(security ?? []).includes(`"${scope}:`))
    .map(({ operationId }) => operationId)
    .sort()
}
