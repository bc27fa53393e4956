import { resolve } from 'node:path'
import {
  ConfigError,
  describeConfig,
  envFileFaults,
  faultsOf,
  loadConfig,
  readSettings,
  settingNamesOf,
  sharedDatabases,
  unknownSettings,
  validValues,
} from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { consoleSettings } from '@quintet/console/config'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { addressOf, portFaults } from '@quintet/chassis/http'
import type { Address } from '@quintet/chassis/http'
import type { Service } from '../topology.ts'
import { services } from '../topology.ts'
import type { TObject } from 'typebox'
import { ArgumentError, UsageError } from './usage-error.ts'

export const programNames: readonly Program[] = [...serviceNames, 'console']

/** What a process can run: services, and the console, which is none. */
export type Program = ServiceName | 'console'

/** The programs that the arguments name, each once. */
export function programsFrom(words: readonly string[]): readonly Program[] {
  return [...new Set(words.map((word) => (word === 'console' ? word : serviceNamed(word))))]
}

/** Those that run where none is named. */
export function programsToStart(settings: Settings): readonly Program[] {
  return validValues(consoleSettings, settings).CONSOLE === 'off' ? serviceNames : programNames
}

/** The settings of a program. */
export function schemaOf(name: Program) {
  return name === 'console' ? consoleSettings : services[name].settings
}

/** The services that the arguments name, each once; all of them if there are no arguments. Throws for an unknown name. */
export function servicesFrom(words: readonly string[]): readonly ServiceName[] {
  return words.length === 0 ? serviceNames : [...new Set(words.map(serviceNamed))]
}

export function serviceNamed(word: string | undefined): ServiceName {
  const name = serviceNames.find((known) => known === word)
  if (word?.startsWith('-'))
    throw new ArgumentError(`There is no option ${word}. What a service needs are settings: quintet config`)
  if (name === undefined)
    throw new UsageError(`"${word}" is not a service; there are ${serviceNames.join(', ')}.`)
  return name
}

/** The settings of these services; throws if one is invalid. */
export function settingsFor(names: readonly ServiceName[]): Settings {
  const settings = readSettings(process.env)
  throwFaults(settingsFaults(names, settings))
  return settings
}

export function throwFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw new ConfigError(faults)
}

/**
 * A sentence for each fault of the settings of these programs. Warns of unknown names that look like a setting; one that promises
 * protection is a fault.
 */
export function settingsFaults(names: readonly Program[], settings: Settings): string[] {
  const known = programNames.flatMap((name) => settingNamesOf(schemaOf(name)))
  const unknown = unknownSettings(known, settings, settingPrefixes(known), { isForAll: true })
  for (const sentence of unknown.others) process.stderr.write(`${sentence}\n`)
  const ofFile = envFileFaults()
  const faults = new Set([
    ...ofFile.map(({ sentence }) => sentence),
    ...databasesOfSeveral(
      names.filter((name) => name !== 'console'),
      settings,
    ),
    ...names.flatMap((name) => faultsOf(schemaOf(name), settings, ofFile)),
    ...portFaults(startingPrograms(names, settings)),
    ...unknown.protective,
  ])
  return [...faults]
}

/** A sentence for each database that several of these services have, or that is a queue as well. */
function databasesOfSeveral(names: readonly ServiceName[], settings: Settings): string[] {
  const entries = names.map((name): [ServiceName, ServiceEntry] => [name, topology[name]])
  const urls = entries.flatMap(([name, { storage }]) =>
    describeConfig(services[name].settings, settings)
      .filter((setting) => setting.name === storage.database || setting.name === storage.queue)
      .map(({ name, value }) => [name, value]),
  )
  const databases = new Set(entries.map(([, { storage }]) => storage.database))
  return sharedDatabases(Object.fromEntries(urls), (setting) => databases.has(setting))
}

/** These programs, each with those of its settings that are valid by themselves. */
export function startingPrograms(names: readonly Program[], settings: Settings) {
  return names.map((name) => {
    const schema: TObject = schemaOf(name)
    return { name, settings: schema, values: validValues(schema, settings) }
  })
}

/** The settings of the service in their types, by name; throws if one is invalid. */
export function configOf(name: ServiceName, settings: Settings): Readonly<Record<string, unknown>> {
  return loadConfig(services[name].settings, settings)
}

/** Where the service listens. */
export function listeningAddressOf(name: ServiceName, settings: Settings): Address {
  const address = addressOf(name, configOf(name, settings))
  if (address === undefined) throw new TypeError(`${name} has no address.`)
  return address
}

/** The folder of embedded storage. */
export function dataFolderOf(settings: Settings): string {
  return resolve(String(configOf('gateway', settings).DATA_DIR))
}

/** A sentence on which data a command works on: that of a service may be elsewhere, by settings which the command does not have. */
export function dataFolderNote(settings: Settings): string {
  return `DATA_DIR is ${dataFolderOf(settings)}.`
}

/** A setting with the URL of a service's storage, and the URL without its password. */
export type Storage = { readonly setting: string; readonly url: string; readonly shown: string }

/** The storage of a service, but for that whose setting is invalid. */
export function storageOf(name: ServiceName, settings: Settings): Storage[] {
  const { storage }: ServiceEntry = topology[name]
  const urls = validValues(services[name].settings, settings)
  const described = describeConfig(services[name].settings, settings)
  return Object.values(storage)
    .filter((setting) => urls[setting] !== undefined)
    .map((setting) => ({
      setting,
      url: String(urls[setting]),
      shown: described.find((one) => one.name === setting)?.value ?? '',
    }))
}

/** The service, for what it has left behind in embedded storage. */
export function storageUser(name: ServiceName, settings: Settings) {
  const { settings: schema, queue, stream }: Service = services[name]
  return { name, settings: schema, config: configOf(name, settings), queue, stream }
}

export function migrationsOf(name: ServiceName): URL {
  return new URL(`../services/${name}/migrations/`, import.meta.url)
}

/** The first words of settings' names, but for those that other programs use as well. */
function settingPrefixes(known: readonly string[]): string[] {
  const first = known.filter((name) => name.includes('_')).map((name) => name.slice(0, name.indexOf('_')))
  return [...new Set(first)].filter((word) => !['DATA', 'LOG'].includes(word))
}
