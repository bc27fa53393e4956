import { databaseFileFaults } from '../database/index.ts'
import { addressFaults, addressOf } from './listen.ts'
import type { ServiceAddress } from './listen.ts'

/** A service, and those of its settings that are valid by themselves. */
export type StartingService = { readonly name: string; readonly values: Readonly<Record<string, unknown>> }

/**
 * Why the services cannot start on this machine: ports that are in use and files that cannot be created, a sentence for each. Nothing
 * is created, and settings that are invalid are left out, so that this can be reported together with their faults.
 */
export async function startFaults(services: readonly StartingService[]): Promise<string[]> {
  const urls = services
    .flatMap(({ values }) => Object.entries(values).filter(([name]) => isUsed(name, values)))
    .flatMap(([, value]) => (typeof value === 'string' ? [value] : []))
  return [...(await addressFaults(services.flatMap(addressesOf))), ...databaseFileFaults(urls)]
}

/** Whether anything is opened there: quotas only where there are limits. */
function isUsed(name: string, values: StartingService['values']): boolean {
  return name !== 'RATE_LIMIT_QUOTA_URL' || (values.RATE_LIMIT ?? 'off') !== 'off'
}

/** Without a valid port any free one, so that a fault of the host is found. */
export function addressesOf({ name, values }: StartingService): ServiceAddress[] {
  return [addressOf(name, values) ?? []].flat()
}
