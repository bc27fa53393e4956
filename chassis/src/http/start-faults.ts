import { auditPlace, authFiles, equalPorts } from '../config/index.ts'
import { databaseFileFaults } from '../database/index.ts'
import { unreadableFile, unwritableFile } from '../files/index.ts'
import { addressFaults, addressOf, operations } from './listen.ts'
import type { ServiceAddress } from './listen.ts'

/** A service, and those of its settings that are valid by themselves. */
export type StartingService = { readonly name: string; readonly values: Readonly<Record<string, unknown>> }

/**
 * Why the services cannot start on this machine: ports that are in use and files that cannot be read or created, a sentence for each. Nothing
 * is created, and settings that are invalid are left out, so that this can be reported together with their faults.
 */
export async function startFaults(services: readonly StartingService[]): Promise<string[]> {
  const urls = services
    .flatMap(({ values }) => Object.entries(values).filter(([name]) => isUsed(name, values)))
    .flatMap(([, value]) => (typeof value === 'string' ? [value] : []))
  const faults = [
    ...(await addressFaults(addressesOf(services))),
    ...databaseFileFaults(urls),
    ...services.flatMap(({ values }) => namedFileFaults(values)),
  ]
  return [...new Set(faults)]
}

/** Those of the files that settings name, whatever is in them. Files whose content belongs to the settings, as policies, are examined with those. */
function namedFileFaults({ AUTH: mode, AUDIT_LOG: place, ...values }: StartingService['values']): string[] {
  const isAuthenticated = mode === 'optional' || mode === 'required'
  const isFile = typeof place === 'string' && place !== 'off' && place !== 'stdout'
  return [
    ...Object.entries(isAuthenticated ? authFiles : {}).map(([setting, expected]) =>
      unreadableFile(setting, String(values[setting] ?? ''), expected),
    ),
    isFile ? unwritableFile('AUDIT_LOG', place, auditPlace) : undefined,
  ].filter((fault) => fault !== undefined)
}

/** Whether anything is opened there that a start needs: quotas only where there are limits, and no telemetry. */
function isUsed(name: string, values: StartingService['values']): boolean {
  if (name === 'TELEMETRY_URL') return false
  return name !== 'RATE_LIMIT_QUOTA_URL' || (values.RATE_LIMIT ?? 'off') !== 'off'
}

/**
 * Where these services listen, for requests and for what they redirect, and what serves operators of this process. Without a valid port
 * any free one, so that a fault of the host is found.
 */
export function addressesOf(services: readonly StartingService[]): ServiceAddress[] {
  const [first] = services
  const all = [
    ...services.flatMap(({ name, values }) => [addressOf(name, values), redirectAddressOf(name, values)]),
    first && addressOf(operations, first.values),
  ]
  return all.filter((address) => address !== undefined)
}

function redirectAddressOf(
  service: string,
  values: Readonly<Record<string, unknown>>,
): ServiceAddress | undefined {
  const setting = `${service.toUpperCase()}_HTTP_PORT`
  return typeof values[setting] === 'number' ? addressOf(service, values, setting) : undefined
}

/** A sentence for each port that several of them have. */
export function portFaults(services: readonly StartingService[]): string[] {
  return equalPorts(
    Object.fromEntries(addressesOf(services).map(({ portSetting, port }) => [portSetting, port])),
  )
}
