/** The text with one more label at each sample, which distinguishes it from those of others. */
export function withLabel(text: string, label: string): string {
  return text.replace(startOfSample, (_line, name: string, brace = '') =>
    brace === '' ? `${name}{${label}} ` : `${name}{${label}${brace === '{}' ? '}' : ','}`,
  )
}

/** The name of a sample, and the beginning of its labels, or the space before its value. */
const startOfSample = /^([a-zA-Z_:][\w:]*)(?: |(\{\}|\{))/gm

/** One text in the format of Prometheus from those of several processes, whose samples differ in a label: each metric is described once. */
export function mergeMetrics(texts: readonly string[]): string {
  const samples = new Map<string, string[]>()
  for (const metric of texts.flatMap((text) => text.split(/^(?=# HELP )/m))) {
    const [help = '', type = '', ...lines] = metric.split('\n').filter((line) => line !== '')
    if (help === '') continue
    const description = `${help}\n${type}`
    samples.set(description, [...(samples.get(description) ?? []), ...lines])
  }
  return [...samples].map(([description, lines]) => `${[description, ...lines].join('\n')}\n`).join('\n')
}
