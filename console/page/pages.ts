import type { FunctionComponent } from 'preact'
import type { SectionName } from './keys.ts'

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
