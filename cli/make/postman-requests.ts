import type { Nouns } from './nouns.ts'

type Item = { readonly name: string; readonly item?: readonly Item[] }

/** Adds to the collection, for each request to the model, the same request to the new service. */
export function addRequests(text: string, model: Nouns, rename: (text: string) => string): string {
  const collection: { item: readonly Item[] } = JSON.parse(text)
  const folder = collection.item.find(({ name }) => name === model.service)
  if (folder === undefined) throw new Error(`The collection has no folder ${model.service}.`)
  const copy = (item: Item): Item => JSON.parse(rename(JSON.stringify(item)))
  const alone = (item: Item) => item.name.startsWith(`${model.service}: `)
  const items = collection.item.map((other) =>
    other.item?.some(alone) ? { ...other, item: withCopies(other.item, alone, copy) } : other,
  )
  const after = items.findLastIndex(({ item = [] }) => !item.some(alone))
  return `${JSON.stringify({ ...collection, item: items.toSpliced(after + 1, 0, copy(folder)) }, null, 2)}\n`
}

/** The items, with a copy of those that are chosen after the last of these. */
function withCopies(items: readonly Item[], isChosen: (item: Item) => boolean, copy: (item: Item) => Item) {
  const after = items.findLastIndex(isChosen)
  return items.toSpliced(after + 1, 0, ...items.filter(isChosen).map(copy))
}
