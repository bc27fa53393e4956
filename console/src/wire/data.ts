import { Type } from 'typebox'
import type { Static } from 'typebox'

/** A list that the API of a service has. Its rows, and each row by itself, are at `/api/data` followed by their paths at the gateway. */
export const Collection = Type.Object({
  service: Type.String(),
  /** Such as `guids`; with the service it identifies the list. */
  name: Type.String(),
  /** At the gateway, with its parameters in braces. */
  path: Type.String(),
  title: Type.String(),
  /** The parameters in its path, such as the id of an account. */
  parameters: Type.Array(Type.String()),
  /** The parameters of its query that choose rows. */
  filters: Type.Array(Type.String()),
})
export type Collection = Static<typeof Collection>

/** `GET /api/data` */
export const CollectionList = Type.Object({ data: Type.Array(Collection) })
export type CollectionList = Static<typeof CollectionList>
