/** Words of PromQL that are no metric: operators and functions that are used. */
const words = new Set(
  'and or unless by on ignoring without sum min max count absent changes increase rate time histogram_quantile label_replace'.split(
    ' ',
  ),
)

/** The names of the metrics in an expression. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|on|ignoring|without) *\([^)]*\)/g, ' ')
  const names = bare.match(/\b[a-zA-Z_][\w:]*/g) ?? []
  return [...new Set(names.filter((name) => !words.has(name)))]
}
