import { createHash, randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'
import { parseNetworks } from '../config/index.ts'

const properties = {
  id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  scopes: Type.Array(Type.String({ pattern: '^[!#-\\[\\]-~]+$' }), { minItems: 1, maxItems: 100 }),
  plan: Type.Optional(Type.String({ pattern: '^[!-~]{1,64}$' })),
  expires: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z$' })),
  allow: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 1_000 })),
}

const expected = {
  id: '1 to 63 lower-case letters, digits and hyphens',
  sha256: 'the SHA-256 of the key in 64 hexadecimal digits',
  scopes: 'an array of scopes, such as ["movies:read"]',
  plan: 'the name of a plan',
  expires: 'a time in UTC, such as 2027-01-01T00:00Z',
  allow: 'an array of addresses and networks, such as ["10.0.0.0/8"]',
} as const satisfies Record<keyof typeof properties, string>

/** An API key as a line of the file has it, which does not have the key itself. */
export type ApiKey = Static<typeof ApiKey>
const ApiKey = Type.Object(properties)

type Member = keyof ApiKey
const members = Object.keys(properties) as Member[]

/** The keys of a file: an object of JSON on each line. Throws an error that names the line and the member at fault. */
export function parseApiKeys(content: string): ApiKey[] {
  const lines = content.split('\n').map((line, i) => ({ line: line.trim(), at: `line ${i + 1}` }))
  const keys = lines.filter(({ line }) => line !== '').map(({ line, at }) => parseLine(line, at))
  const ids = keys.map(({ id }) => id)
  const repeated = ids.find((id, i) => ids.indexOf(id) < i)
  if (repeated !== undefined) throw new Error(`there are two keys with the id ${repeated}`)
  return keys
}

function parseLine(line: string, at: string): ApiKey {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${at} must be an object of JSON`)
  const unknown = Object.keys(value).find((name) => !members.some((known) => known === name))
  if (unknown !== undefined)
    throw new Error(`${at}: ${JSON.stringify(unknown)} is not a member of an API key`)
  const [fault] = apiKeyFaults({ ...value })
  if (fault !== undefined) throw new Error(`${at}: ${fault.member} must be ${fault.expected}`)
  if (!Check(ApiKey, value)) throw new Error(`${at} is not an API key`)
  return value
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Each member of a key that is wrong, and what it must be. */
export function apiKeyFaults(
  value: Readonly<Record<string, unknown>>,
): { readonly member: Member; readonly expected: string }[] {
  return members
    .filter((member) => !isValid(member, value[member]))
    .map((member) => ({ member, expected: expected[member] }))
}

function isValid(name: Member, value: unknown): boolean {
  const schema = properties[name]
  if (value === undefined) return Type.IsOptional(schema)
  if (!Check(schema, value)) return false
  if (name === 'expires') return !Number.isNaN(Date.parse(String(value)))
  return name !== 'allow' || parseNetworks(String(value)) !== undefined
}

/** A new key, and what the file has of it. 256 random bits cannot be guessed, so that a fast hash protects them. */
export function createApiKey(given: Omit<ApiKey, 'sha256'>): { key: string; entry: ApiKey } {
  const key = `qk_${given.id}_${randomBytes(32).toString('base64url')}`
  const { id, ...others } = given
  return { key, entry: { id, sha256: hashOf(key).toString('hex'), ...others } }
}

/** The id of a text that has the form of a key. */
export function idOfKey(key: string): string | undefined {
  return /^qk_([a-z0-9][a-z0-9-]{0,62})_[\w-]{43}$/.exec(key)?.[1]
}

export function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
