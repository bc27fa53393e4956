/** Aligns columns: numbers to the right, the columns whose index is in `textColumns` to the left. */
export function formatTable(lines: readonly string[][], textColumns: readonly number[]): string[] {
  const columns = lines[0]?.map((_, column) => column) ?? []
  const widths = columns.map((column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const pad = (text: string, column: number) => {
    const width = widths[column] ?? 0
    return textColumns.includes(column) ? text.padEnd(width) : text.padStart(width)
  }
  return lines.map((line) => line.map(pad).join('  ').trimEnd())
}
