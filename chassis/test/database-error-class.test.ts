import { test } from 'node:test'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { classifyError as classifyMysqlError } from '../src/database/mysql/error-class.ts'
import { classifyError as classifyPostgresError } from '../src/database/postgres/error-class.ts'
import { UnitError } from '../src/database/postgres/unit-result.ts'

const ofPostgres = (code: string, severity = 'ERROR') =>
  Object.assign(new pg.DatabaseError('no', 0, 'error'), { code, severity })
const ofMysql = (errno: number, sqlState: string) => Object.assign(new Error('no'), { errno, sqlState })

for (const [name, error, expected] of [
  ['a deadlock', ofPostgres('40P01'), 'retryable'],
  ['a failed serialization', ofPostgres('40001'), 'retryable'],
  ['an unknown completion', ofPostgres('40003'), 'ambiguous'],
  ['an unknown resolution of the transaction', ofPostgres('08007'), 'ambiguous'],
  ['a connection that a proxy has lost', ofPostgres('08006'), 'ambiguous'],
  ['a connection that was terminated', ofPostgres('57P01', 'FATAL'), 'ambiguous'],
  ['too few values for the parameters', ofPostgres('08P01'), 'invalid'],
  ['a statement timeout', ofPostgres('57014'), 'not_applied'],
  ['a connection that a statement of a unit has lost', new UnitError('no', '08006'), 'not_applied'],
] as const)
  test(`postgres: ${name} is ${expected}`, (t: TestContext) => {
    t.assert.equal(classifyPostgresError(error), expected)
  })

for (const [name, error, expected] of [
  ['a deadlock', ofMysql(1213, '40001'), 'retryable'],
  ['a connection that was killed', ofMysql(1927, '70100'), 'ambiguous'],
  ['a server that shuts down', ofMysql(1053, '08S01'), 'ambiguous'],
  ['a connection that a proxy has lost', ofMysql(2013, 'HY000'), 'ambiguous'],
  ['a server that has gone away from a proxy', ofMysql(2006, 'HY000'), 'ambiguous'],
  ['an error during the commit', ofMysql(1180, 'HY000'), 'ambiguous'],
  ['a duplicate key', ofMysql(1062, '23000'), 'invalid'],
  ['a full disk', ofMysql(1021, 'HY000'), 'not_applied'],
] as const)
  test(`mysql: ${name} is ${expected}`, (t: TestContext) => {
    t.assert.equal(classifyMysqlError(error), expected)
  })
