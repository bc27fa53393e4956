import { text } from 'node:stream/consumers'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'

/** A database, and the URL of another one of the same server. */
export type Dropped = { readonly engine: 'postgres' | 'mysql'; readonly url: string; readonly name: string }

/** A program: drops the databases that its input lists. */
if (process.argv[1] === import.meta.filename) {
  const databases: Dropped[] = JSON.parse(await text(process.stdin))
  for (const database of databases)
    await (database.engine === 'postgres' ? dropPostgres(database) : dropMysql(database))
}

async function dropPostgres({ url, name }: Dropped): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
  await client.end()
}

async function dropMysql({ url, name }: Dropped): Promise<void> {
  const connection = await createConnection(url)
  await connection.query(`drop database if exists ${connection.escapeId(name)}`)
  await connection.end()
}
