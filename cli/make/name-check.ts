import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import type { Nouns } from './nouns.ts'

/** Names that are in use, apart from those of services. */
type Taken = {
  /** The names of all settings. */
  readonly settings: readonly string[]
  /** The names of containers, of packages and of the folders in services/. */
  readonly names: readonly string[]
}

/** A sentence for each reason to reject these nouns. */
export function nameFaults(nouns: Nouns, topology: Topology, taken: Taken): string[] {
  const { service, singular, plural, port } = nouns
  const words = Object.entries({ service, singular, plural })
  const malformed = words.filter(([, word]) => !/^[a-z][a-z0-9]{1,23}$/.test(word))
  if (malformed.length > 0) return malformed.map(([kind, word]) => malformedFault(kind, word))
  const entries = Object.entries(topology)
  const path = `/api/${plural}`
  return [
    service in topology && alreadyThere(service),
    !(service in topology) && taken.names.includes(service) && `"${service}" is the name of something else.`,
    !(service in topology) && reservedFault(service, taken.settings),
    plural === singular && `The plural of "${singular}" must be another word: give it with --plural.`,
    ...entries.map(
      ([name, entry]) => service !== name && overlaps(path, entry) && `${path} leads to ${name} already.`,
    ),
    ...entries.map(([name, entry]) => entry.port === port && `Port ${port} is that of ${name}.`),
    (!Number.isInteger(port) || port < 1 || port > 65_535) &&
      'The port must be a whole number from 1 to 65535.',
  ].filter((fault) => typeof fault === 'string')
}

/** The first port, counted from that of the model, that no service has. */
export function nextFreePort(model: Nouns, topology: Topology): number {
  const ports = Object.values(topology).map(({ port }) => port)
  let port = model.port
  while (ports.includes(port)) port++
  return port
}

function malformedFault(kind: string, word: string): string {
  const what = kind === 'service' ? 'the name of a service' : `a ${kind} noun`
  return `"${word}" cannot be ${what}: it must have 2 to 24 lower-case letters and digits, a letter first.`
}

function alreadyThere(service: string): string {
  return `"${service}" is a service already. If making it was interrupted, npm run quintet derive completes it.`
}

function reservedFault(service: string, settings: readonly string[]): string | false {
  const setting = settings.find((name) => name.startsWith(`${service.toUpperCase()}_`))
  return setting !== undefined && `"${service}" is reserved: the setting ${setting} starts with it.`
}

function overlaps(path: string, { paths }: ServiceEntry): boolean {
  return Object.keys(paths).some(
    (taken) => `${path}/`.startsWith(`${taken}/`) || `${taken}/`.startsWith(`${path}/`),
  )
}
