import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import type { Generated } from 'kysely'

export type NewMovie = { title: string; description: string }
export type Movie = NewMovie & { id: number; version: number }
export type MovieTables = IdempotencyTable & {
  movies: NewMovie & {
    id: Generated<number>
    version: Generated<number>
    /** The title in the form that is searched, without case. */
    title_key: string
    /** The version whose title that is of: another one if a process of an earlier version has written the row since. */
    keyed_version: number
  }
}

/** A movie of a list, with what it takes. */
export type ListedMovie = Movie & { bytes?: number }
