type Row = readonly string[]

/**
 * Sets rows of the Markdown table whose header starts with these cells. A row is identified by its first cell. Only the columns
 * of the given header are compared and updated. A missing row is inserted after the row that precedes it in `rows`.
 */
export function setTableRows(text: string, header: Row, rows: readonly Row[]): string {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => isEqual(cellsOf(line).slice(0, header.length), header))
  if (start < 0) throw new Error(`There is no table with the header ${header.join(' | ')}.`)
  let previous = start + 1
  for (const row of rows) {
    const found = indexOfRow(lines, start, row[0])
    if (found === undefined) lines.splice(++previous, 0, lineOf(row))
    else {
      const required = row.slice(0, header.length)
      const cells = cellsOf(lines[found] ?? '')
      if (!isEqual(cells.slice(0, header.length), required))
        lines[found] = lineOf([...required, ...cells.slice(header.length)])
      previous = found
    }
  }
  return lines.join('\n')
}

function indexOfRow(lines: readonly string[], start: number, key: string | undefined): number | undefined {
  for (let at = start + 2; lines[at]?.startsWith('|'); at++)
    if (cellsOf(lines[at] ?? '')[0] === key) return at
  return undefined
}

function cellsOf(line: string): string[] {
  return line.startsWith('|')
    ? line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    : []
}

function lineOf(row: Row): string {
  return `| ${row.join(' | ')} |`
}

function isEqual(one: Row, other: Row): boolean {
  return one.length === other.length && one.every((cell, i) => cell === other[i])
}
