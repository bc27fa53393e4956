import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readSettings, validValues } from '@quintet/chassis/config'
import { createNewPrivateFile, createPrivateFolder, readListFile } from '@quintet/chassis/files'
import { apiKeyFaults, createApiKey, parseApiKeys } from '@quintet/chassis/guard/api-key-file'
import type { ApiKey } from '@quintet/chassis/guard/api-key-file'
import { scopes as knownScopes } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { aligned } from './aligned.ts'
import { syncPath } from './backup/sync-path.ts'
import {
  ArgumentError,
  parseArguments,
  requireNoArguments,
  unknownAction,
  UsageError,
} from './usage-error.ts'

export const keysUsage = `
  quintet keys add <id>                     make an API key, and print it once; --scopes <scopes> [--plan <plan>] [--expires <time>] [--allow <networks>]
  quintet keys list                         print the API keys, which the file does not have in clear
  quintet keys revoke <id>                  remove an API key, which is refused within a second
`

const text = { type: 'string' } as const
export const keysOptions = { scopes: text, plan: text, expires: text, allow: text }

/** `quintet keys`: the API keys in the file that API_KEYS_FILE names. Running services read it again when it changes. */
export async function keys([action, ...words]: readonly string[]): Promise<void> {
  if (action === 'add') return add(words)
  if (action === 'list') return list(words)
  if (action === 'revoke') return revoke(words)
  throw unknownAction('keys', action, ['add', 'list', 'revoke'])
}

function add(words: readonly string[]): void {
  const config = { args: [...words], options: keysOptions, allowPositionals: true }
  const { values, positionals } = parseArguments(config)
  const [id, ...rest] = positionals
  const isOne = id !== undefined && rest.length === 0
  const { plan, expires } = values
  const scopes = partsOf(values.scopes ?? '')
  const { key, entry } = createApiKey({
    id: id ?? '',
    scopes,
    ...(plan !== undefined && { plan }),
    ...(expires !== undefined && { expires }),
    ...(values.allow !== undefined && { allow: partsOf(values.allow) }),
  })
  const faults = [
    ...(isOne ? [] : ['quintet keys add needs one id.']),
    ...apiKeyFaults(entry)
      .filter(({ member }) => member !== 'scopes' && (isOne || member !== 'id'))
      .map(({ member, expected }) => `${nameOf[member]} must be ${expectedOfOption[member] ?? expected}.`),
    ...scopesFaults(scopes),
  ]
  if (faults.length > 0) throw new ArgumentError(faults.join('\n'))
  const path = keysFile()
  change(path, (content) => {
    if (keysIn(path, content).some((known) => known.id === id))
      throw new UsageError(`${path} has a key with the id ${id} already.`)
    const end = content === '' || content.endsWith('\n') ? '' : '\n'
    return `${content}${end}${JSON.stringify(entry)}\n`
  })
  process.stderr.write(`The key is printed this once; ${path} has its hash.\n`)
  process.stdout.write(`${key}\n`)
}

function list(words: readonly string[]): void {
  requireNoArguments('keys list', words)
  const path = keysFile()
  const rows = keysIn(path, contentOf(path)).map(({ id, scopes, plan = '-', expires = '-', allow = [] }) => [
    id,
    plan,
    expires,
    allow.join(',') || '-',
    scopes.join(','),
  ])
  process.stdout.write(aligned([['id', 'plan', 'expires', 'allow', 'scopes'], ...rows]))
}

function revoke(words: readonly string[]): void {
  const { positionals } = parseArguments({ args: [...words], options: {}, allowPositionals: true })
  const [id, ...rest] = positionals
  if (id === undefined || rest.length > 0) throw new ArgumentError('quintet keys revoke needs one id:')
  const path = keysFile()
  change(path, (content) => {
    const entries = keysIn(path, content)
    if (!entries.some((key) => key.id === id)) throw new UsageError(`${path} has no key with the id ${id}.`)
    return entries
      .filter((key) => key.id !== id)
      .map((key) => `${JSON.stringify(key)}\n`)
      .join('')
  })
  process.stdout.write(`${id} has been revoked.\n`)
}

/** The members of a key as the command line has them. */
const nameOf = {
  id: 'The id',
  sha256: 'The hash',
  scopes: '--scopes',
  plan: '--plan',
  expires: '--expires',
  allow: '--allow',
} as const
const expectedOfOption: { readonly [Member in keyof typeof nameOf]?: string } = {
  allow: 'addresses and networks with commas between them, such as 10.0.0.0/8',
}

function scopesFaults(scopes: readonly string[]): string[] {
  const known = Object.keys(knownScopes)
  const unknown = scopes.filter((scope) => !known.includes(scope)).map((scope) => JSON.stringify(scope))
  if (scopes.length > 0 && unknown.length === 0) return []
  const fault =
    scopes.length === 0
      ? 'is needed'
      : `has ${unknown.join(', ')}, which ${unknown.length === 1 ? 'is no scope' : 'are no scopes'}`
  return [`--scopes ${fault}; there are ${known.join(', ')}.`]
}

function partsOf(list: string): string[] {
  return list.split(/[\s,]+/).filter((part) => part !== '')
}

function keysFile(): string {
  const { API_KEYS_FILE: path } = validValues(services.gateway.settings, readSettings(process.env))
  if (typeof path !== 'string' || path === '')
    throw new UsageError('API_KEYS_FILE names no file: set it, such as to data/api-keys.jsonl.')
  return resolve(path)
}

function contentOf(path: string): string {
  return existsSync(path) ? readListFile(path) : ''
}

function keysIn(path: string, content: string): ApiKey[] {
  try {
    return parseApiKeys(content)
  } catch (error) {
    throw new UsageError(
      `${path} is not a file of API keys: ${error instanceof Error ? error.message : error}.`,
    )
  }
}

/** Replaces the content as a whole, so that a service never reads a part of it; another change at the same time is refused. */
function change(path: string, next: (content: string) => string): void {
  const draft = `${path}.draft`
  createPrivateFolder(dirname(path))
  if (!createNewPrivateFile(draft))
    throw new UsageError(`${draft} exists: another change is in progress, or has failed; then remove it.`)
  try {
    writeFileSync(draft, next(contentOf(path)), { flush: true })
    renameSync(draft, path)
    syncPath(dirname(path))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
