/**
 * How many letters to insert, delete, replace or exchange with the next one: the distance of Damerau and Levenshtein, a row of
 * its table at a time.
 */
export function editDistance(from: string, to: string): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let index = 1; index <= from.length; index++) {
    const next = [index]
    for (let column = 1; column <= to.length; column++) {
      const [above = 0, left = 0, diagonal = 0] = [row[column], next[column - 1], row[column - 1]]
      const isSame = from[index - 1] === to[column - 1]
      const isExchange = from[index - 1] === to[column - 2] && from[index - 2] === to[column - 1]
      const exchanged = isExchange ? (before[column - 2] ?? Number.POSITIVE_INFINITY) + 1 : above + 1
      next.push(Math.min(above + 1, left + 1, diagonal + (isSame ? 0 : 1), exchanged))
    }
    before = row
    row = next
  }
  return row.at(-1) ?? 0
}
