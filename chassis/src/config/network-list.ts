import { BlockList } from 'node:net'
import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'
import { listOf } from './comma-list.ts'
import { fileReason, readListFile } from '../files/index.ts'
import { addNetwork } from './networks.ts'

/** An address or a subnet, which may be listed for a time only. */
export type ListedNetwork = { readonly network: string; readonly untilMs: number }

/** The file that a list is in; undefined for one that is in the setting itself. */
export function fileOfList(setting: string): string | undefined {
  return setting.startsWith('@') ? setting.slice(1) : undefined
}

/** The networks of a list that is in the setting itself. */
export function networksOfList(setting: string): ListedNetwork[] {
  return listOf(setting).map((entry) => ({
    network: checkedNetwork(entry),
    untilMs: Number.POSITIVE_INFINITY,
  }))
}

/**
 * The networks of a file, one on each line. `#` begins a comment; one that begins with `until` and a time ends the entry then. Throws an
 * error that names the first line at fault.
 */
export function networksOfFile(text: string): ListedNetwork[] {
  return text.split('\n').flatMap((line, i) => {
    try {
      const [entry = '', ...comment] = line.split('#')
      if (entry.trim() === '') return []
      return { network: checkedNetwork(entry.trim()), untilMs: endIn(comment.join('#').trim()) }
    } catch (error) {
      throw new Error(`line ${i + 1} ${error instanceof Error ? error.message : error}`)
    }
  })
}

function checkedNetwork(text: string): string {
  if (!addNetwork(new BlockList(), text))
    throw new Error(`must be an address or a subnet, but is ${JSON.stringify(text.slice(0, 60))}`)
  return text
}

function endIn(comment: string): number {
  if (!/^until\b/i.test(comment)) return Number.POSITIVE_INFINITY
  const [, time = ''] = instant.exec(comment) ?? []
  const endMs = Date.parse(time)
  if (Number.isNaN(endMs)) throw new Error('must have a time behind until, like 2027-01-01T00:00Z')
  return endMs
}

const instant = /^until (\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?)(?:\s|$)/i

/** The setting of a list of addresses and subnets. */
export function networkList(description: string): TString {
  return Type.String({
    default: '',
    format: 'network-list',
    description,
    expectedForm(text: string) {
      const expected =
        'addresses and subnets like 10.0.0.0/8, 2001:db8::/32, or a file of them like @deny.txt'
      return `${expected} (${faultOfList(text)})`
    },
  })
}

Format.Set('network-list', (text) => faultOfList(text) === undefined)

/** Why a list cannot be used. */
function faultOfList(setting: string): string | undefined {
  const path = fileOfList(setting)
  try {
    if (path === undefined) networksOfList(setting)
    else networksOfFile(readListFile(path))
    return undefined
  } catch (error) {
    const reason = fileReason(error)
    return reason === undefined ? `${path ?? 'an entry'}: ${Object(error).message}` : `${path} ${reason}`
  }
}
