/** The text formats of metrics, by their media types. */
export const metricsFormats = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const

/**
 * The same metrics in the format of OpenMetrics 1.0.0: there a counter is described without the suffix of its samples, a bound is a number
 * with a fraction, a quotation mark in a description is escaped, and the end is marked.
 */
export function openMetricsOf(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '')
  const isCounter = new Set(lines.flatMap((line) => counterType.exec(line)?.[1] ?? []))
  const converted = lines.map((line) => {
    if (!line.startsWith('#')) return line.replace(wholeBound, '$1.0"')
    const [, start = '', name = '', rest = ''] = description.exec(line) ?? []
    const described = isCounter.has(name) ? name.replace(/_total$/, '') : name
    return `${start}${described}${rest.replaceAll('"', '\\"')}`
  })
  return `${[...converted, '# EOF'].join('\n')}\n`
}

const counterType = /^# TYPE (\S+) counter$/
const description = /^(# (?:HELP|TYPE) )(\S+)(.*)$/
const wholeBound = /(?<=[{,])((?:le|quantile)="-?\d+)"/
