import type { ComponentChildren, VNode } from 'preact'
import { div, h1, header } from '../elements.ts'

/** The title of a page, with what belongs beside it. */
export function pageHead(title: ComponentChildren, ...beside: ComponentChildren[]): VNode {
  return header(
    { class: 'page-head' },
    h1({}, title),
    beside.length > 0 && div({ class: 'page-beside' }, ...beside),
  )
}
