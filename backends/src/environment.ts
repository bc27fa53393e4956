import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine, EngineName } from './engine.ts'
import { engines } from './engines.ts'
import { toolsFolder } from './places.ts'

/** The environment variable with the engine's URL, for tests. */
export function variableOf(name: EngineName): string {
  return `ENGINE_${name.toUpperCase()}`
}

export function urlOf({ url, ports: [port] }: Engine): string {
  return url(port)
}

/**
 * Lines for a shell: the URLs of the engines that are up, and the settings with which Quintet uses them. An engine that is
 * not up is named in a comment and not set, so that its part stays on embedded storage.
 */
export function environmentLines(
  up: ReadonlySet<EngineName>,
  all: readonly Engine[] = Object.values(engines),
): string[] {
  const settings = engineSettings.filter(({ engine }) => up.has(engine))
  return [
    ...all.filter(({ name }) => up.has(name)).map((engine) => line(variableOf(engine.name), urlOf(engine))),
    ...settings.map(({ setting, engine, path }) => line(setting, withPath(urlOf(engines[engine]), path))),
    ...(settings.length > 0 ? [line('CERTIFICATES_KEY', developmentKey())] : []),
    ...all
      .filter(({ name }) => !up.has(name))
      .map(({ name }) => `# ${name} is not up: npm run backends -- up ${name}`),
  ]
}

/** The engine of each setting; the other engines are for tests only. */
const engineSettings: readonly { setting: string; engine: EngineName; path?: string }[] = [
  { setting: 'GUID_DATABASE_URL', engine: 'postgres', path: 'guid_db' },
  { setting: 'BROKERAGE_DATABASE_URL', engine: 'dynamodb', path: 'brokerage' },
  { setting: 'CERTIFICATES_DATABASE_URL', engine: 'postgres', path: 'certificates_db' },
  { setting: 'INVENTORY_DATABASE_URL', engine: 'postgres', path: 'movies_db' },
  { setting: 'BILLING_DATABASE_URL', engine: 'postgres', path: 'orders_db' },
  { setting: 'CACHE_URL', engine: 'redis' },
  { setting: 'QUEUE_URL', engine: 'amqp' },
  { setting: 'CERTIFICATES_QUEUE_URL', engine: 'amqp' },
  { setting: 'EVENTS_URL', engine: 'kafka' },
]

function withPath(url: string, path: string | undefined): string {
  if (path === undefined) return url
  const changed = new URL(url)
  changed.pathname = `/${path}`
  return changed.href
}

function line(name: string, value: string): string {
  return `export ${name}='${value}'`
}

/** The certificates service on a server requires a key; this one is generated once and stored beside the engines' data. */
function developmentKey(): string {
  const file = join(toolsFolder(), 'certificates.key')
  mkdirSync(toolsFolder(), { recursive: true })
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}
