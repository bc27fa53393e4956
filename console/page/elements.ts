import { h } from 'preact'
import type { Attributes, ComponentChildren, FunctionComponent, JSX, RefObject, VNode } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

type Names = keyof JSX.IntrinsicElements

/** A function that makes elements of one name: `div({ class: 'card' }, 'text', span({}, 'more'))`. */
function element<Name extends Names>(name: Name) {
  return (props: JSX.IntrinsicElements[Name], ...children: ComponentChildren[]) =>
    h<JSX.IntrinsicElements[Name]>(name, props, ...children)
}

/** A function that makes what a component with state of its own renders. */
export function component<Props>(render: FunctionComponent<Props>) {
  return (props: Attributes & Props, ...children: ComponentChildren[]): VNode<Attributes & Props> =>
    h<Props>(render, props, ...children)
}

/** The names that apply, as the value of `class`. */
export function classes(...names: (string | false | undefined)[]): string {
  return names.filter(Boolean).join(' ')
}

export const a = element('a')
export const aside = element('aside')
export const button = element('button')
export const caption = element('caption')
export const code = element('code')
export const dd = element('dd')
export const dialogElement = element('dialog')
export const div = element('div')
export const dl = element('dl')
export const dt = element('dt')
export const figcaption = element('figcaption')
export const figure = element('figure')
export const fieldset = element('fieldset')
export const footer = element('footer')
export const form = element('form')
export const h1 = element('h1')
export const h2 = element('h2')
export const h3 = element('h3')
export const header = element('header')
export const input = element('input')
export const kbd = element('kbd')
export const label = element('label')
export const legend = element('legend')
export const li = element('li')
export const main = element('main')
export const nav = element('nav')
export const ol = element('ol')
export const option = element('option')
export const p = element('p')
export const pre = element('pre')
export const section = element('section')
export const select = element('select')
export const span = element('span')
export const strong = element('strong')
export const table = element('table')
export const tbody = element('tbody')
export const td = element('td')
export const th = element('th')
export const thead = element('thead')
export const timeElement = element('time')
export const tr = element('tr')
export const ul = element('ul')

export const svg = element('svg')
export const g = element('g')
export const path = element('path')
export const rect = element('rect')
export const svgText = element('text')
export const svgTitle = element('title')

/** The title of a page, with what belongs beside it. */
export function pageHead(title: ComponentChildren, ...beside: ComponentChildren[]): VNode {
  return header(
    { class: 'page-head' },
    h1({}, title),
    beside.length > 0 && div({ class: 'page-beside' }, ...beside),
  )
}

/** The width of an element in CSS pixels, as it changes. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const { current } = element
    if (current === null) return
    const measure = () => setWidth(Math.floor(current.clientWidth))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(current)
    return () => observer.disconnect()
  }, [element])
  return width
}
