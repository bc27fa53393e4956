import { ConfigError, describeConfig, faultsOf, loadConfig, unknownSettings } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { UsageError } from './usage-error.ts'

/** The services that the arguments name; all of them if there are no arguments. Throws for an unknown name. */
export function servicesFrom(words: readonly string[]): readonly ServiceName[] {
  return words.length === 0 ? serviceNames : words.map(serviceNamed)
}

export function serviceNamed(word: string | undefined): ServiceName {
  const name = serviceNames.find((known) => known === word)
  if (name === undefined)
    throw new UsageError(`"${word}" is not a service; there are ${serviceNames.join(', ')}.`)
  return name
}

/**
 * Checks the settings of these services before the first one starts, reports all faults together, and warns of
 * unknown names that look like a setting; one that promises protection is a fault.
 */
export function checkSettings(names: readonly ServiceName[], settings: Settings): void {
  const faults = new Set(names.flatMap((name) => faultsOf(services[name].settings, settings)))
  const known = serviceNames.flatMap((name) => Object.keys(services[name].settings.properties))
  const unknown = unknownSettings(known, settings, settingPrefixes(known))
  for (const sentence of unknown.others) process.stderr.write(`${sentence}\n`)
  if (faults.size + unknown.protective.length > 0) throw new ConfigError([...faults, ...unknown.protective])
}

/** A setting with the URL of a service's storage, and the URL without its password. */
export type Storage = { readonly setting: string; readonly url: string; readonly shown: string }

export function storageOf(name: ServiceName, settings: Settings): Storage[] {
  const { storage }: ServiceEntry = topology[name]
  const config: Readonly<Record<string, unknown>> = loadConfig(services[name].settings, settings)
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
