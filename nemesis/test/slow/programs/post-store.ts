import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'

/**
 * Stores each line of its input and prints it as the answer; `--acknowledge-first` prints it before the commit. It is killed
 * after its hundredth answer.
 */
const [file = '', mode] = process.argv.slice(2)
const database = new DatabaseSync(file)
database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS stored (value TEXT NOT NULL)')
const insert = database.prepare('INSERT INTO stored VALUES (?)')
let answers = 0

function answer(value: string): void {
  writeSync(1, `${value}\n`)
  answers += 1
  if (answers === 100) process.kill(process.pid, 'SIGKILL')
}

for await (const value of createInterface({ input: process.stdin })) {
  if (mode === '--acknowledge-first') {
    answer(value)
    void turn().then(() => insert.run(value))
  } else {
    insert.run(value)
    answer(value)
  }
}
