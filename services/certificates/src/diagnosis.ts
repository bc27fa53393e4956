import { readDatabase } from '@quintet/chassis/database'
import { weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import type { Kysely } from 'kysely'
import type { CertificatesTables } from './database.ts'
import { examineUsers } from './email-key.ts'
import { holdsPrivateKey } from './private-key-search.ts'

const shownMax = 20
const rowsPerPage = 200
const searchTimeMs = 5_000

/** What `quintet doctor` finds in the data. */
export async function examineData(url: string): Promise<Finding[]> {
  return [...(await examineUsers(url)), ...(await examineBodies(url))]
}

/** Finds bodies with a private key, which earlier versions accepted; of very many certificates, only in the newest. */
async function examineBodies(url: string): Promise<Finding[]> {
  const found = await readDatabase<CertificatesTables, Found>(url, findPrivateKeys)
  if (found === undefined) return []
  const { ids, searchedFrom } = found
  const keys = `Bodies of certificates hold a private key, which every client can read: ${ids.join(', ')}. Delete them, and replace the keys.`
  const rest = `Only certificates from ${searchedFrom} on were searched for private keys in their bodies.`
  return [...(ids.length > 0 ? [weak(keys)] : []), ...(searchedFrom > 0 ? [weak(rest)] : [])]
}

/** `searchedFrom` is the lowest id that was searched, or 0 if all were. */
type Found = { readonly ids: readonly number[]; readonly searchedFrom: number }

async function findPrivateKeys(query: Kysely<CertificatesTables>): Promise<Found> {
  const ids: number[] = []
  const startedAt = performance.now()
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = await query
      .selectFrom('certificate')
      .select(['id', 'body'])
      .where('id', '<', before)
      .orderBy('id', 'desc')
      .limit(rowsPerPage)
      .execute()
    ids.push(...rows.filter(({ body }) => holdsPrivateKey(body)).map(({ id }) => Number(id)))
    const last = rows.at(-1)
    if (last === undefined) return { ids, searchedFrom: 0 }
    before = Number(last.id)
    if (ids.length >= shownMax || performance.now() - startedAt >= searchTimeMs)
      return { ids: ids.slice(0, shownMax), searchedFrom: before }
  }
}
