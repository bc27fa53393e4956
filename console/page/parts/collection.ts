import type { Session } from '../../src/wire/index.ts'

export type Collection = Session['collections'][number]
/** A row of a list, as the API of its service has it. */
export type Row = Readonly<Record<string, unknown>>

/** What the APIs of the services filter by. */
const filters: Readonly<Record<string, readonly string[]>> = {
  guids: ['user', 'expiring_before'],
  certificates: ['expiring_before'],
  movies: ['title'],
  orders: ['user_id'],
}
export const filtersOf = ({ name }: Collection): readonly string[] => filters[name] ?? []

/** The path of one row, where the API has one for it. */
export function pathOfRow({ name, path }: Collection, row: Row): string | undefined {
  const part = (key: string) => encodeURIComponent(String(row[key]))
  if (name === 'guids') return `/guid/${part('guid')}`
  if (name === 'certificates') return `/users/${part('user_id')}/certificates/${part('id')}`
  return row.id === undefined ? undefined : `${path}/${part('id')}`
}

/** What a value is called in a cell. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The address of the next page, without the host, from a `Link` header (RFC 8288). */
export function nextOf(headers: Headers): string | undefined {
  const link = headers.get('Link')?.match(/<([^<>]{1,4000})>; ?rel="?next"?/)?.[1]
  if (link === undefined) return undefined
  const { search } = new URL(link, location.href)
  return search
}

/** The rows of a response: an array, or the array in it. */
export function rowsOf(text: string): readonly Row[] {
  const body: unknown = JSON.parse(text)
  const list = Array.isArray(body) ? body : Object.values(Object(body)).find(Array.isArray)
  return (list ?? [body]).map((row: unknown): Row => (isRow(row) ? row : { value: row }))
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
