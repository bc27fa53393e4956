import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import { isReserved } from './identifiers.ts'
import { nounsOf } from './nouns.ts'
import type { Nouns } from './nouns.ts'

/** Names that are in use, apart from those of services. */
type Taken = {
  /** The names of all settings. */
  readonly settings: readonly string[]
  /** The ports that settings have on this machine, by the setting. */
  readonly ports: ReadonlyMap<string, number>
  /** The names of containers, of packages and of the folders in services/. */
  readonly names: readonly string[]
}

/** Below it, only root may listen (RFC 6335, section 6). */
const portMin = 1_024
const portMax = 65_535

/** A sentence for each reason to reject these nouns. */
export function nameFaults(nouns: Nouns, topology: Topology, taken: Taken): string[] {
  const { service, singular, plural, port } = nouns
  const unfit = wordFaults(nouns)
  if (unfit.length > 0) return unfit
  const entries = Object.entries(topology)
  const isThere = Object.hasOwn(topology, service)
  const path = `/api/${plural}`
  return [
    isThere && alreadyThere(service),
    !isThere && taken.names.includes(service) && `"${service}" is the name of something else.`,
    !isThere && reservedFault(service, taken.settings),
    plural === singular && `The plural of "${singular}" must be another word: give it with --plural.`,
    ...entries.map(
      ([name, entry]) => service !== name && overlaps(path, entry) && `${path} leads to ${name} already.`,
    ),
    portFault(port, topology, taken.ports),
    (!Number.isInteger(port) || port < portMin || port > portMax) &&
      `The port must be a whole number from ${portMin} to ${portMax}.`,
  ].filter((fault) => typeof fault === 'string')
}

/** The first port, counted from that of the model, that no service and no setting has. */
export function nextFreePort(model: Nouns, topology: Topology, taken: Taken['ports']): number {
  let port = model.port
  while (portFault(port, topology, taken) !== undefined) port++
  return port
}

function portFault(port: number, topology: Topology, taken: Taken['ports']): string | undefined {
  const services = Object.entries(topology).map(([name, entry]) => [name, entry.port] as const)
  const owner = [...services, ...taken].find(([, one]) => one === port)?.[0]
  return owner === undefined ? undefined : `Port ${port} is that of ${owner}.`
}

/** A fault of a word is one of what is derived from it as well, so it is reported once. */
function wordFaults({ service, singular, plural, port }: Nouns): string[] {
  const name = wordFault(service, 'the name of a service')
  const one = wordFault(singular, 'a singular noun', '--noun')
  const many = wordFault(plural, 'a plural noun', '--plural')
  const isOneDerived = nounsOf(service, port).singular === singular
  const isManyDerived = plural === service || nounsOf(service, port, singular).plural === plural
  return [
    name,
    name !== undefined && isOneDerived ? undefined : one,
    one !== undefined && isManyDerived ? undefined : many,
  ].filter((fault) => fault !== undefined)
}

function wordFault(word: string, what: string, option?: string): string | undefined {
  if (!/^[a-z][a-z0-9]{1,23}$/.test(word))
    return `"${word}" cannot be ${what}: it must have 2 to 24 lower-case letters and digits, a letter first.`
  if (!isReserved(word)) return undefined
  const advice = option === undefined ? 'Choose another' : `Give another with ${option}`
  return `"${word}" cannot be ${what}: it is a word of the language that the code is written in. ${advice}.`
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
