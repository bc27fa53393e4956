import { DatabaseSync } from 'node:sqlite'

/**
 * Moves messages to orders, one after another: the order is committed, then the message is removed. `--inbox` also stores which
 * messages were handled, in the commit of the order. Every tenth time it is killed between the two, until it is started again.
 */
const [file = '', mode] = process.argv.slice(2)
const database = new DatabaseSync(file)
const next = database.prepare('SELECT id, value FROM message ORDER BY id LIMIT 1')
const remove = database.prepare('DELETE FROM message WHERE id = ?')
const store = database.prepare('INSERT INTO stored VALUES (?)')
const handle = database.prepare('INSERT OR IGNORE INTO inbox VALUES (?)')

for (let handled = 1; ; handled++) {
  const message = next.get()
  if (message === undefined) break
  database.exec('BEGIN IMMEDIATE')
  const isNew = mode !== '--inbox' || handle.run(Number(message.id)).changes === 1
  if (isNew) store.run(String(message.value))
  database.exec('COMMIT')
  if (handled === 10) process.kill(process.pid, 'SIGKILL')
  remove.run(Number(message.id))
}
