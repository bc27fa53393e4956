import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb'
import { readError, writeError } from '../src/mongodb/error-class.ts'

const codeOf = (fault: unknown) => (fault instanceof AppError ? fault.code : 'invalid')

/** What a replica set says, which no engine of the tests is. */
const server = (code: number) => new MongoServerError({ message: 'no', code })
const acknowledgement = new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'no' } })
const connecting = new MongoNetworkError('no')
connecting.addErrorLabel('HandshakeError')

for (const [name, error, write, read] of [
  ['a member that is no primary', server(10_107), 'dependency_down', 'dependency_down'],
  ['one that steps down amid a command', server(11_602), 'outcome_unknown', 'dependency_down'],
  ['one that runs out of time', server(50), 'outcome_unknown', 'dependency_down'],
  ['a majority that does not acknowledge', acknowledgement, 'outcome_unknown', 'dependency_down'],
  ['a connection that is lost', new MongoNetworkError('no'), 'outcome_unknown', 'dependency_down'],
  ['a connection that never was', connecting, 'dependency_down', 'dependency_down'],
  ['a wrong password', server(18), 'dependency_down', 'dependency_down'],
  ['a command that is wrong', server(9), 'invalid', 'invalid'],
] as const)
  test(`mongodb: ${name} is ${write} to a write and ${read} to a read`, (t: TestContext) => {
    t.assert.equal(codeOf(writeError(error)), write)
    t.assert.equal(codeOf(readError(error)), read)
  })
