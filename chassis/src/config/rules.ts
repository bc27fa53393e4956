import { resolve } from 'node:path'
import type { Static, TObject, TSchema } from 'typebox'
import { auditFaults } from './audit-settings.ts'
import { authFaults } from './auth-settings.ts'
import { corsFaults } from './cors-settings.ts'
import { engineUrlFormat } from './engine-url.ts'
import { rateLimitFaults } from './rate-limit-faults.ts'
import { withoutSecretsOfSetting } from './shown-url.ts'
import { listenerFaults } from './tls-settings.ts'

/** A sentence for each fault of settings that depend on each other. It is given those whose own value is valid. */
type SettingsRule<T extends TObject> = (values: Partial<Static<T>>) => readonly string[]

const rules = new WeakMap<TObject, (values: Readonly<Record<string, unknown>>) => readonly string[]>()

/** The schema, whose settings must also keep to the rule. */
export function withRule<T extends TObject>(schema: T, rule: SettingsRule<T>): T {
  // The values have been checked against the schema, one by one.
  rules.set(schema, (values) => rule(values as Partial<Static<T>>))
  return schema
}

/** The faults of these values of the schema by its rule, and by those of the settings that all services have. */
export function faultsByRule(schema: TObject, values: Readonly<Record<string, unknown>>): readonly string[] {
  return [
    ...authFaults(values),
    ...corsFaults(values),
    ...rateLimitFaults(values),
    ...quotaDatabaseFaults(schema, values),
    ...listenerFaults(values, ''),
    ...auditFaults(values),
    ...(rules.get(schema)?.(values) ?? []),
  ]
}

const quotaUrl = 'RATE_LIMIT_QUOTA_URL'

/** Quotas have tables and migrations of their own, which those of a service or of a queue would not leave alone. */
function quotaDatabaseFaults(schema: TObject, values: Readonly<Record<string, unknown>>): string[] {
  const properties: Record<string, TSchema & { format?: string }> = schema.properties
  const urlOf = (name: string) =>
    properties[name]?.format === engineUrlFormat && values[name] !== undefined
      ? String(values[name])
      : undefined
  const others = Object.keys(properties).filter((name) => name !== quotaUrl)
  return sharedDatabases(
    Object.fromEntries([...others, quotaUrl].map((name) => [name, urlOf(name)])),
    (setting) => setting === quotaUrl,
    'quotas need a database of their own',
  )
}

/** A sentence for each address that several settings have, one of which is of a database: only queues and caches may be shared. */
export function sharedDatabases(
  urls: Readonly<Record<string, string | undefined>>,
  isDatabase: (setting: string) => boolean,
  need = 'each service needs a database of its own',
): string[] {
  const places = Object.entries(urls).map(([name, url = '']) => ({ name, place: placeOf(url) }))
  return [...Map.groupBy(places, ({ place }) => place)]
    .filter(([place]) => place !== '' && place !== 'sqlite::memory:')
    .map(([place, settings]) => ({ place, names: settings.map(({ name }) => name) }))
    .filter(({ names }) => names.length > 1 && names.some(isDatabase))
    .map(
      ({ place, names }) => `${new Intl.ListFormat('en-GB').format(names)} are the same, ${place}: ${need}.`,
    )
}

/** The database of a URL, without who uses it. */
function placeOf(url: string): string {
  if (/^sqlite:[^:]/.test(url)) return `sqlite:${resolve(url.slice('sqlite:'.length))}`
  if (!/^postgres(?:ql)?:/.test(url) || !URL.canParse(url)) return withoutSecretsOfSetting(url)
  const { hostname, port, pathname } = new URL(url)
  return `postgres://${hostname}:${port === '' ? 5432 : port}${pathname}`
}

/** A sentence for each port that several settings have; 0, any free port, may be had by all. */
export function equalPorts(ports: Readonly<Record<string, number>>): string[] {
  const used = Object.entries(ports).filter(([, port]) => port !== 0)
  return [...Map.groupBy(used, ([, port]) => port)]
    .filter(([, settings]) => settings.length > 1)
    .map(([port, settings]) => {
      const names = new Intl.ListFormat('en-GB').format(settings.map(([name]) => name))
      return `${names} are ${settings.length === 2 ? 'both' : 'all'} ${port}: set a port for each that no other has.`
    })
}
