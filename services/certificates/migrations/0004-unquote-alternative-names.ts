import { setColumn } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'

const rowsPerPage = 500

/** Names with a comma or a quote were stored in the quotes of the library that parses certificates, as JSON within JSON. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('certificate')
      .select(['id', 'x509'])
      .where('id', '>', after)
      .where('x509', 'is not', null)
      .orderBy('id')
      .limit(rowsPerPage)
      .execute()
    const changes = rows
      .map(({ id, x509 }): [number, string] => [id, unquoted(x509)])
      .filter(([, text], i) => text !== rows[i]?.x509)
    await setColumn(db, 'certificate', 'x509', new Map(changes))
    if (rows.length < rowsPerPage) return
    after = Number(rows.at(-1)?.id)
  }
}

/** The values stay as they are: an earlier version shows them too. */
export async function down(): Promise<void> {}

type Tables = { certificate: { id: number; x509: string } }

function unquoted(text: string): string {
  const x509: { subject_alternative_names: string[] } = JSON.parse(text)
  if (!x509.subject_alternative_names.some(isQuoted)) return text
  return JSON.stringify({
    ...x509,
    subject_alternative_names: x509.subject_alternative_names.map(withoutQuotes),
  })
}

function isQuoted(name: string): boolean {
  return /^[^:]*:".*"$/s.test(name)
}

function withoutQuotes(name: string): string {
  const colon = name.indexOf(':') + 1
  try {
    return isQuoted(name) ? name.slice(0, colon) + String(JSON.parse(name.slice(colon))) : name
  } catch {
    return name
  }
}
