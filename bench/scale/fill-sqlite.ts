import { DatabaseSync } from 'node:sqlite'

/** A program, since it blocks until it is done: inserts a run of rows, in the order of their GUIDs. */
const [path = '', first = '', last = ''] = process.argv.slice(2)
const db = new DatabaseSync(path)
db.exec('pragma synchronous = off; pragma cache_size = -200000; pragma wal_autocheckpoint = 50000')
db.prepare(
  `insert into guid (guid, user, expire, version)
   select guid, 'user-' || (n % 1000), 9999999999, 1700000000000000 + n
   from (with recursive numbers (n) as (select ? union all select n + 1 from numbers where n < ?)
         select n, hex(randomblob(16)) as guid from numbers order by guid)`,
).run(Number(first), Number(last))
db.exec('pragma wal_checkpoint(truncate)')
db.close()
