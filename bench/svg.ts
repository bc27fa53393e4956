/** Elements of pictures. */

export function svgText(x: number, y: number, content: string, style = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${style === '' ? '' : ` ${style}`}>${escaped(content)}</text>`
}

/** What a picture shows, for those who do not see it. */
export function svgTitle(content: string): string {
  return `<title>${escaped(content)}</title>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

export function svgRect(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" ${style}/>`
}

type Rect = readonly [x: number, y: number, width: number, height: number]

/** Many of one style in one element, which takes less room. */
export function svgRects(rects: readonly Rect[], style: string): string {
  const path = rects.map(([x, y, width, height]) => {
    const [w, h] = [round(width), round(height)]
    return `M${round(x)},${round(y)}h${w}v${h}h${-w}z`
  })
  return `<path d="${path.join('')}" ${style}/>`
}

export function svgLine(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${style}/>`
}

/** A complete file, on white. */
export function svgFile(width: number, height: number, parts: readonly string[], fontSize = 12): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="${fontSize}" fill="#1f2933">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
