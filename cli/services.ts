import { ConfigError, describeConfig, loadConfig, unknownSettings } from '@quintet/chassis/config'
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
 * unknown names that look like a setting.
 */
export function checkSettings(names: readonly ServiceName[], settings: Settings): void {
  const faults = new Set<string>()
  for (const name of names) {
    try {
      loadConfig(services[name].settings, settings)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const fault of error.faults) faults.add(fault)
    }
  }
  if (faults.size > 0) throw new ConfigError([...faults])
  const schemas = serviceNames.map((name) => services[name].settings)
  for (const sentence of unknownSettings(schemas, settings, settingPrefixes()))
    process.stderr.write(`${sentence}\n`)
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

/** The prefixes of settings' names; a variable without one of them belongs to another program. */
function settingPrefixes(): string[] {
  const shared = ['CACHE', 'EVENTS', 'MARKET', 'QUEUE', 'RATE_LIMIT']
  return [...serviceNames.map((name) => name.toUpperCase()), ...shared]
}
