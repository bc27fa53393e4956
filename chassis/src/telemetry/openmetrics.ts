/** The text formats of metrics, by their media types. */
export const metricsFormats = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const

/** The end of the line of a bucket: a request that it counts, whose trace is kept. Times are in seconds. */
export function exemplarText(traceId: string, value: number, at: number): string {
  return ` # {trace_id="${traceId}"} ${value} ${at}`
}

/** The metrics without what only OpenMetrics has. */
export function prometheusOf(text: string): string {
  return text.replace(/ # \{trace_id="[^"]*"\} .*$/gm, '')
}

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
const description = /^(# (?:HELP|TYPE) )(\S+)(| .*)$/
const wholeBound = /(?<=[{,])((?:le|quantile)="-?\d+)"/
