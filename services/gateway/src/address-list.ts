import { addressesMax } from './addresses.ts'

/** The addresses in the value of a setting such as `GUID_URL`: one, or several with commas between them. */
export function urlsOf(text: string): URL[] {
  return partsOf(text).map((part) => new URL(part))
}

/**
 * What is wrong with such a value: a clause for each address at fault; none if it is valid. Addresses are named by their place, since
 * one that is wrong may have a password.
 */
export function faultsOfList(text: string): string[] {
  const parts = partsOf(text)
  if (parts.length > addressesMax) return [`there are ${parts.length}, and at most ${addressesMax} are used`]
  const origins = parts.map((part) => (faultOf(part) === undefined ? new URL(part).origin : undefined))
  return parts.flatMap((part, at) => {
    const fault = faultOf(part)
    if (fault !== undefined) return [`the ${ordinal(at)} ${fault}`]
    const first = origins.indexOf(origins[at])
    return first < at ? [`the ${ordinal(at)} is the same as the ${ordinal(first)}`] : []
  })
}

function partsOf(text: string): string[] {
  return text.split(',').map((part) => part.trim())
}

function faultOf(part: string): string | undefined {
  if (part === '') return 'is empty'
  const [origin] = originStart.exec(part) ?? []
  if (origin === undefined || !URL.canParse(origin)) return 'is none'
  return origin === part || `${origin}/` === part ? undefined : 'has more than a host and a port'
}

/** Up to the path, or to what else there should not be. */
const originStart = /^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=[/?#]|$)/

/** `1st`, `2nd`, `3rd`, `4th`; of an index, which begins at 0. */
function ordinal(index: number): string {
  const number = index + 1
  // Only for a message: the first rules load the data of their language.
  const plural = new Intl.PluralRules('en-GB', { type: 'ordinal' })
  return `${number}${suffixes[plural.select(number)] ?? 'th'}`
}

const suffixes: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' }
