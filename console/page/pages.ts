import type { FunctionComponent } from 'preact'

export type PageProps = { readonly params: Readonly<Record<string, string>> }

/** A page, loaded when it is first opened. */
export type PageEntry = {
  /** Such as `/traces/:id`. */
  readonly path: string
  readonly title: string
  /** The link of the rail that it belongs to. */
  readonly section: SectionName
  readonly load: () => Promise<FunctionComponent<PageProps>>
}

/** The links of the rail, with the key that follows `g`. */
export const sections = [
  { name: 'Map', path: '/', key: 'm' },
  { name: 'Traces', path: '/traces', key: 't' },
  { name: 'Logs', path: '/logs', key: 'l' },
  { name: 'Queues', path: '/queues', key: 'q' },
  { name: 'Data', path: '/data', key: 'd' },
  { name: 'Charts', path: '/charts', key: 'c' },
  { name: 'Promises', path: '/promises', key: 'p' },
  { name: 'Services', path: '/services', key: 's' },
  { name: 'Actions', path: '/actions', key: 'a' },
] as const
export type SectionName = (typeof sections)[number]['name']
