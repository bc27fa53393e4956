import { resolve } from 'node:path'
import {
  ConfigError,
  describeConfig,
  envFileFaults,
  equalPorts,
  faultsOf,
  loadConfig,
  readSettings,
  unknownSettings,
} from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { portSetting, serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import type { Address } from '@quintet/chassis/http'
import { services } from '../topology.ts'
import { UsageError } from './usage-error.ts'

/** The services that the arguments name, each once; all of them if there are no arguments. Throws for an unknown name. */
export function servicesFrom(words: readonly string[]): readonly ServiceName[] {
  return words.length === 0 ? serviceNames : [...new Set(words.map(serviceNamed))]
}

export function serviceNamed(word: string | undefined): ServiceName {
  const name = serviceNames.find((known) => known === word)
  if (word?.startsWith('-'))
    throw new UsageError(`There is no option ${word}. What a service needs are settings: quintet config`)
  if (name === undefined)
    throw new UsageError(`"${word}" is not a service; there are ${serviceNames.join(', ')}.`)
  return name
}

/** The settings of these services; throws if one is invalid. */
export function settingsFor(names: readonly ServiceName[]): Settings {
  const settings = readSettings(process.env)
  checkSettings(names, settings)
  return settings
}

/**
 * Checks the settings of these services before the first one starts, reports all faults together, and warns of
 * unknown names that look like a setting; one that promises protection is a fault.
 */
export function checkSettings(names: readonly ServiceName[], settings: Settings): void {
  const known = serviceNames.flatMap((name) => Object.keys(services[name].settings.properties))
  const unknown = unknownSettings(known, settings, settingPrefixes(known), { isForAll: true })
  for (const sentence of unknown.others) process.stderr.write(`${sentence}\n`)
  const faults = new Set([
    ...envFileFaults(),
    ...names.flatMap((name) => faultsOf(services[name].settings, settings)),
    ...equalPorts(portsOf(names, settings)),
    ...sharedDatabases(names, settings),
    ...unknown.protective,
  ])
  if (faults.size > 0) throw new ConfigError([...faults])
}

/** A sentence for each database that several services have, or that is a queue as well; only queues may be shared. */
function sharedDatabases(names: readonly ServiceName[], settings: Settings): string[] {
  const urls = new Map<string, string>()
  const databases = new Set<string>()
  for (const name of names) {
    const { storage }: ServiceEntry = topology[name]
    if (storage.database !== undefined) databases.add(storage.database)
    for (const { name: setting, value } of describeConfig(services[name].settings, settings))
      if (setting === storage.database || setting === storage.queue) urls.set(setting, placeOf(value))
  }
  return [...Map.groupBy(urls, ([, url]) => url)]
    .filter(([url]) => url !== 'sqlite::memory:')
    .map(([url, entries]) => ({ url, names: entries.map(([name]) => name) }))
    .filter(({ names }) => names.length > 1 && names.some((name) => databases.has(name)))
    .map(
      ({ url, names }) =>
        `${new Intl.ListFormat('en-GB').format(names)} are the same, ${url}: each service needs a database of its own.`,
    )
}

function placeOf(url: string): string {
  return /^sqlite:[^:]/.test(url) ? `sqlite:${resolve(url.slice('sqlite:'.length))}` : url
}

/** The valid ports of these services, by setting. */
function portsOf(names: readonly ServiceName[], settings: Settings): Record<string, number> {
  const ports = names.flatMap((name) =>
    describeConfig(services[name].settings, settings).filter(
      (setting) => setting.name === portSetting(name) && setting.isValid,
    ),
  )
  return Object.fromEntries(ports.map(({ name, value }) => [name, Number(value)]))
}

/** The settings of the service in their types, by name; throws if one is invalid. */
export function configOf(name: ServiceName, settings: Settings): Readonly<Record<string, unknown>> {
  return loadConfig(services[name].settings, settings)
}

/** Where the service listens. */
export function addressOf(name: ServiceName, settings: Settings): Address & { service: ServiceName } {
  const config = configOf(name, settings)
  return { service: name, host: String(config.HOST), port: Number(config[portSetting(name)]) }
}

/** A setting with the URL of a service's storage, and the URL without its password. */
export type Storage = { readonly setting: string; readonly url: string; readonly shown: string }

export function storageOf(name: ServiceName, settings: Settings): Storage[] {
  const { storage }: ServiceEntry = topology[name]
  const config = configOf(name, settings)
  const described = describeConfig(services[name].settings, settings)
  return Object.values(storage).map((setting) => ({
    setting,
    url: String(config[setting]),
    shown: described.find((one) => one.name === setting)?.value ?? '',
  }))
}

export function migrationsOf(name: ServiceName): URL {
  return new URL(`../services/${name}/migrations/`, import.meta.url)
}

/** The first words of settings' names, but for those that other programs use as well. */
function settingPrefixes(known: readonly string[]): string[] {
  const first = known.filter((name) => name.includes('_')).map((name) => name.slice(0, name.indexOf('_')))
  return [...new Set(first)].filter((word) => !['DATA', 'LOG'].includes(word))
}
