import type { Nouns } from './nouns.ts'

type Item = { readonly name: string; readonly item?: readonly Item[] }

/** Adds to the collection a copy of each request to the model, for the new service. */
export function addRequests(text: string, model: Nouns, rename: (text: string) => string): string {
  const collection: { item: readonly Item[] } = JSON.parse(text)
  const folder = collection.item.find(({ name }) => name === model.service)
  if (folder === undefined) throw new Error(`The collection has no folder ${model.service}.`)
  const copy = (item: Item): Item => JSON.parse(rename(JSON.stringify(item)))
  const isDirect = (item: Item) => item.name.startsWith(`${model.service}: `)
  const items = collection.item.map((other) =>
    other.item?.some(isDirect) ? { ...other, item: withCopies(other.item, isDirect, copy) } : other,
  )
  const after = items.findLastIndex(({ item = [] }) => !item.some(isDirect))
  return `${JSON.stringify({ ...collection, item: items.toSpliced(after + 1, 0, copy(folder)) }, null, 2)}\n`
}

/** The items, with copies of the chosen ones after the last of these. */
function withCopies(items: readonly Item[], isChosen: (item: Item) => boolean, copy: (item: Item) => Item) {
  const after = items.findLastIndex(isChosen)
  return items.toSpliced(after + 1, 0, ...items.filter(isChosen).map(copy))
}
