import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '@quintet/chassis/config'
import { createMongoClient } from '../src/mongodb/client.ts'

const refused: ReadonlyArray<[url: string, reason: RegExp]> = [
  ['mongodb://host/db?foo=bar', /foo is not supported/],
  ['mongodb://host/db?sslmode=require', /TLS is tls=true.*sslmode is not supported/],
  ['mongodb://host/db?tls=yes', /tls/],
  ['mongodb://host/db?tls=true&ssl=false', /tls/],
  ['mongodb://host/db?directConnection=1', /directConnection/],
  ['mongodb://user:secret@host:99999/db', /99999/],
  ['mongodb://one,two/db?directConnection=true', /directConnection/],
  ['mongodb+srv://user:secret@a.example.net:27017/db', /port/],
  ['mongodb://user:secret@/db', /host list/],
  ['mongodb://host', /name a database/],
]

for (const [url, reason] of refused)
  test(`${url} is refused in one line that names the setting and the reason, without the password`, () => {
    assert.throws(
      () => createMongoClient(url),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, /^GUID_DATABASE_URL must .*\.$/)
        assert.match(error.message, reason)
        assert.doesNotMatch(error.message, /secret/)
        return true
      },
    )
  })
