/** The names of a service and of what it stores. */
export type Nouns = {
  readonly service: string
  readonly singular: string
  readonly plural: string
  readonly port: number
}

/** The nouns of a service that is named after what it stores (`reviews`), or stores the given noun (`library` of `book`). */
export function nounsOf(service: string, port: number, singular?: string, plural?: string): Nouns {
  const one = singular ?? singularOf(service)
  const isPlural = singular === undefined && one !== service
  return { service, singular: one, plural: plural ?? (isPlural ? service : pluralOf(one)), port }
}

/** Replaces the nouns of one service by those of another, in names and in sentences. */
export function createRenamer(from: Nouns, to: Nouns): (text: string) => string {
  const compound = [to.singular, to.plural].includes(to.service) ? to.service : `${to.singular} ${to.service}`
  const lowerCase: [string, string][] = [
    [`${from.singular} ${from.service}`, compound],
    [from.service, to.service],
    [from.plural, to.plural],
    [from.singular, to.singular],
  ]
  const names = new Map(
    [identity, capitalized, upperCased].flatMap((cased) =>
      lowerCase.map(([old, name]) => [cased(old), cased(name)] as const),
    ),
  )
  const pattern = new RegExp(
    `(?:\\b([Aa]n?)(\\s+))?(${[...names.keys()].join('|')})(?=(\\s+service\\b)?)`,
    'g',
  )
  const rename = (_: string, article: string | undefined, space: string, found: string, noun?: string) => {
    const name = names.get(found) ?? found
    const isService = found.toLowerCase() !== from.singular && noun === undefined
    return article === undefined ? name : withArticle(article, space, isService ? `${name} service` : name)
  }
  const port = new RegExp(`\\b${from.port}\\b`, 'g')
  return (text) => text.replace(pattern, rename).replace(port, `${to.port}`)
}

const identity = (word: string) => word
const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
const upperCased = (word: string) => word.toUpperCase()

/** "a movie" becomes "an order"; "an inventory" becomes "a reviews service", since that name is a plural. */
function withArticle(article: string, space: string, name: string): string {
  const fitting = /^[aeiou]/i.test(name) ? 'an' : 'a'
  return `${article.startsWith('A') ? capitalized(fitting) : fitting}${space}${name}`
}

function singularOf(word: string): string {
  if (/[^aeiou]ies$/.test(word)) return word.replace(/ies$/, 'y')
  if (/(?:ss|x|ch|sh)es$/.test(word)) return word.replace(/es$/, '')
  return /[^su]s$/.test(word) ? word.slice(0, -1) : word
}

function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return word.replace(/y$/, 'ies')
  return /(?:s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`
}
