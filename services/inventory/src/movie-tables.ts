import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import type { Generated } from 'kysely'
import type { TitleKey } from './title-keys.ts'

export type NewMovie = { title: string; description: string }
export type Movie = NewMovie & { id: number; version: number }
export type MovieTables = IdempotencyTable & {
  movies: NewMovie & TitleKey & { id: Generated<number>; version: Generated<number> }
}

/** The rows after an id. */
export type Page = { after: number; limit: number }
