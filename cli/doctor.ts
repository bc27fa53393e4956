import { resolve } from 'node:path'
import { readSettings } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { databaseFile, unknownMigrationsOf } from '@quintet/chassis/database'
import { broken, diagnose, unusedStorage, weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import type { Service } from '../topology.ts'
import { services } from '../topology.ts'
import { embeddedFiles } from './backup/embedded-storage.ts'
import { pendingMigrations } from './migrate.ts'
import { examineConsole, examineGuard, examineTls, examineTrust } from './doctor-guard.ts'
import type { Examined } from './doctor-guard.ts'
import {
  programsToStart,
  servicesFrom,
  settingsFaults,
  storageOf,
  storageUser,
  throwFaults,
} from './services.ts'
import { UsageError } from './usage-error.ts'

export const doctorUsage =
  '  quintet doctor [service…]                 examine engines, certificates and the guard, and report what weakens a guarantee\n'

/**
 * `quintet doctor`: examines each engine once, the certificates, and what the guard uses, and fails if a setting breaks a guarantee or
 * something cannot be used.
 */
export async function doctor(words: readonly string[]): Promise<void> {
  const names = servicesFrom(words)
  const settings = readSettings(process.env)
  const tls = examineTls(names, settings)
  print(tls)
  // Files of TLS that cannot be used are faults of the settings too, and have been reported.
  const reported = tls.flatMap(({ findings }) => findings.map(({ text }) => text))
  const programs = words.length === 0 ? programsToStart(settings) : names
  throwFaults(settingsFaults(programs, settings).filter((fault) => !reported.includes(fault)))
  if (tls.some(isBroken)) throw new UsageError('Nothing else is examined before these files can be used.')
  print([
    ...examineTrust(names, settings),
    ...(programs.includes('console') ? examineConsole(settings) : []),
    ...(await examineGuard(names, settings)),
    ...(await examineEngines(names, settings)),
  ])
}

function print(examined: readonly Examined[]): void {
  for (const { shown, settings, findings } of examined) {
    process.stdout.write(`\n${shown}   ${settings.join(', ')}\n`)
    for (const { verdict, text } of findings)
      process.stdout.write(`  ${(verdict === 'broken' ? 'BROKEN' : verdict).padEnd(6)}  ${text}\n`)
  }
  if (examined.some(isBroken)) process.exitCode = 1
}

function isBroken({ findings }: Examined): boolean {
  return findings.some(({ verdict }) => verdict === 'broken')
}

export async function examineEngines(names: readonly ServiceName[], settings: Settings): Promise<Examined[]> {
  const engines = Map.groupBy(
    names.flatMap((name) => storageOf(name, settings).map((storage) => ({ name, ...storage }))),
    ({ url }) => url,
  )
  const examined = [...engines].map(async ([url, users]) => ({
    shown: users[0]?.shown ?? url,
    settings: [...new Set(users.map(({ setting }) => setting))],
    findings: [...(await examine(url, users, settings)), ...(await findUnused(users, settings))],
  }))
  return Promise.all(examined)
}

type User = { readonly name: ServiceName; readonly setting: string }

/** The findings about an engine, and whether the tables of its users are those of this version. */
async function examine(url: string, users: readonly User[], settings: Settings): Promise<Finding[]> {
  const own = users
    .map(({ name }): Service => services[name])
    .map((service) => service.diagnoserOf?.(url))
    .find((diagnoser) => diagnoser !== undefined)
  const findings = await diagnose(url, { own, queues: queuesOf(users) })
  if (findings.some(({ verdict }) => verdict === 'broken')) return findings
  const later = await laterTables(url, users, settings)
  if (later.length > 0) return later
  for (const { name, setting } of users) {
    const { storage }: ServiceEntry = topology[name]
    if (setting === storage.database) findings.push(...(await examineDatabase(name, url, settings)))
  }
  return findings
}

/** The queues that services have at a broker which these settings name, also that of a service which only consumes what the users publish. */
function queuesOf(users: readonly User[]): string[] {
  const settings = users.map(({ setting }) => setting)
  return serviceNames.flatMap((name) => {
    const { storage }: ServiceEntry = topology[name]
    const { queue }: Service = services[name]
    return queue !== undefined && storage.queue !== undefined && settings.includes(storage.queue)
      ? [queue]
      : []
  })
}

/** A finding where an embedded database has tables of a later version, by which its users do not start. */
async function laterTables(url: string, users: readonly User[], settings: Settings): Promise<Finding[]> {
  const names = users.map(({ name }) => name)
  const path = resolve(databaseFile(url) ?? '')
  const files = embeddedFiles(settings, names).filter((file) => file.path === path)
  const faults = files.map(({ migrations }) => unknownMigrationsOf(url, migrations))
  return (await Promise.all(faults)).filter((fault) => fault !== undefined).map(broken)
}

/** What these users have left behind in embedded storage, which their settings do not name any more. */
async function findUnused(users: readonly User[], settings: Settings): Promise<Finding[]> {
  const found = users.map(async ({ name, setting }) => {
    const unused = await unusedStorage(storageUser(name, settings))
    return unused.filter((one) => one.setting === setting).map(({ text }) => weak(text))
  })
  return (await Promise.all(found)).flat()
}

/** A service migrates its embedded database itself, when it starts. */
async function examineDatabase(name: ServiceName, url: string, settings: Settings): Promise<Finding[]> {
  const tables = url.startsWith('sqlite:') ? [] : [await examineTables(name, url)]
  if (tables.some(({ verdict }) => verdict === 'broken')) return tables
  const { examineData }: Service = services[name]
  if (examineData === undefined) return tables
  return [...tables, ...(await diagnose(url, { own: () => examineData(url, settings) }))]
}

async function examineTables(name: ServiceName, url: string): Promise<Finding> {
  const pending = await pendingMigrations(name, url).catch((error: unknown) => [
    `unknown: ${error instanceof Error ? error.message : error}`,
  ])
  if (pending.length === 0) return { verdict: 'good', text: `The tables of ${name} are up to date.` }
  return {
    verdict: 'broken',
    text: `The tables of ${name} are not up to date (${pending.join(', ')}): quintet migrate up ${name}`,
  }
}
