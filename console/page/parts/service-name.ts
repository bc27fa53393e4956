import type { VNode } from 'preact'
import { classes, span } from '../elements.ts'

const colors = 8
/** With it the six services have six colours. */
const seed = 5

/** The colour of a service: the same one on every page. It never says anything that the name beside it does not. */
export function serviceColor(name: string): string {
  let hash = seed
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return `service-${(hash >>> 3) % colors}`
}

export function serviceName(name: string): VNode<object> {
  return span({ class: classes('service', serviceColor(name)) }, name)
}
