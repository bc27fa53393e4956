import { BlockList } from 'node:net'
import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import { addNetwork, fileOfList, networksOfFile, networksOfList } from '../config/index.ts'
import type { ListedNetwork } from '../config/index.ts'
import { AppError } from '../errors/index.ts'
import { watchFile } from '../files/index.ts'
import { Counter, createFailureLog } from '../telemetry/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { isListed } from './client.ts'

/** A list as its setting has it, with the name of that. */
type ListSetting = { readonly setting: string; readonly list: string }

/** The lists, and what is done with those whom they refuse: they get a response, or their connections are closed. */
export type AddressSettings = {
  readonly allow: ListSetting
  readonly deny: ListSetting
  readonly action: 'answer' | 'close'
}

/** What happens to a request from an address in place of its response; undefined where the lists admit it. */
export type AddressRefusal = (address: string) => AppError | 'close' | undefined

type Parts = { readonly clock: Clock; readonly logger: Pick<Logger, 'info' | 'warn'> }

/** How many addresses are remembered with what has been found about them. */
const knownMax = 10_000

/** Undefined where there are no lists of addresses. */
export function createAddressRefusal(
  addresses: AddressSettings | undefined,
  { clock, logger, metrics }: Parts & { readonly metrics: Metrics },
): AddressRefusal | undefined {
  const lists = addresses && createAddressLists(addresses, { clock, logger })
  if (addresses === undefined || lists === undefined) return undefined
  const count = new Counter({
    name: 'quintet_address_refusals_total',
    help: 'Requests that were refused by the address of their client.',
    labelNames: ['list'],
    registers: [metrics.registry],
  })
  for (const list of ['allow', 'deny']) count.inc({ list }, 0)
  return (address) => {
    const list = lists.refusedBy(address)
    if (list === undefined) return undefined
    count.inc({ list })
    return addresses.action === 'close'
      ? 'close'
      : new AppError('forbidden', 'Requests from this address are not admitted.')
  }
}

/**
 * Finds the list that refuses an address: that of the denied ones, which counts first, or that of the allowed ones where the address is
 * not in it. An empty list refuses nobody; undefined where both are empty.
 */
export function createAddressLists(
  { allow, deny }: AddressSettings,
  parts: Parts,
): { refusedBy(address: string): 'allow' | 'deny' | undefined } | undefined {
  if (allow.list === '' && deny.list === '') return undefined
  const isDenied = deny.list === '' ? () => false : createList(deny, parts)
  const isAllowed = allow.list === '' ? () => true : createList(allow, parts)
  return {
    refusedBy(address) {
      if (isDenied(address)) return 'deny'
      return isAllowed(address) ? undefined : 'allow'
    },
  }
}

function createList(from: ListSetting, { clock, logger }: Parts): (address: string) => boolean {
  const current = sourceOf(from, { clock, logger })
  const known = new Map<string, boolean>()
  let listed: readonly ListedNetwork[] | undefined
  let networks = new BlockList()
  /** When the next entry ends. */
  let endMs = Number.POSITIVE_INFINITY

  function build(now: number): void {
    known.clear()
    networks = new BlockList()
    endMs = Number.POSITIVE_INFINITY
    for (const { network, untilMs } of listed ?? []) {
      if (untilMs <= now) continue
      addNetwork(networks, network)
      endMs = Math.min(endMs, untilMs)
    }
  }

  return (address) => {
    const now = clock.now()
    const newest = current()
    if (newest !== listed || now >= endMs) {
      listed = newest
      build(now)
    }
    const found = known.get(address)
    if (found !== undefined) return found
    const isFound = isListed(networks, address)
    if (known.size >= knownMax) known.clear()
    known.set(address, isFound)
    return isFound
  }
}

/** Gives the networks of a list as it is now. */
function sourceOf({ setting, list }: ListSetting, { clock, logger }: Parts): () => readonly ListedNetwork[] {
  const path = fileOfList(list)
  if (path === undefined) {
    const networks = networksOfList(list)
    return () => networks
  }
  const details = { setting, path }
  const failures = createFailureLog(logger, {
    failing: 'a changed address list cannot be used, so the one before it still holds; correct it',
    recovered: 'the address list can be used again',
    details,
  })
  const file = watchFile(path, {
    parse: networksOfFile,
    clock: durationClockOf(clock),
    failed: failures.failed,
    succeeded() {
      failures.succeeded()
      logger.info(details, 'an address list has changed')
    },
  })
  return file.current
}
