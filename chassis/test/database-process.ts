import { migrateDatabase, openDatabase } from '@quintet/chassis/database'

/** Adds accounts, `n` at a time, until it is killed, and sends its parent the id of each acknowledged one. */
const [url = '', name = '', n = '1'] = process.argv.slice(2)
const migrations = new URL('./migrations/', import.meta.url)
await migrateDatabase(url, { migrations }, 'up')
const database = await openDatabase<{ account: { id: string; balance: number } }>(url, { migrations })
for (let i = 0; process.connected; i += 1) {
  const added = Array.from({ length: Number(n) }, async (_, j) => {
    const id = `${name}-${i}-${j}`
    await database.query.insertInto('account').values({ id, balance: i }).execute()
    return id
  })
  for (const id of await Promise.all(added)) process.send?.(id, undefined, {}, ignoreThatParentHasEnded)
}
await database.close()

function ignoreThatParentHasEnded(): void {}
