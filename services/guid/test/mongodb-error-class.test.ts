import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb'
import { readError, writeError } from '../src/mongodb/error-class.ts'

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : 'invalid')

/** An error of a replica set, which the engines of the tests are not. */
const server = (code: number) => new MongoServerError({ message: 'no', code })
const acknowledgement = new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'no' } })
const connecting = new MongoNetworkError('no')
connecting.addErrorLabel('HandshakeError')
/** An error of the system, which the driver passes on. */
const system = (syscall: string) => Object.assign(new Error('no'), { code: 'ECONNRESET', syscall })

for (const [name, error, write, read] of [
  ['a member that is not the primary', server(10_107), 'dependency_down', 'dependency_down'],
  ['a primary that steps down during a command', server(11_602), 'outcome_unknown', 'dependency_down'],
  ['a command that exceeds its time limit', server(50), 'outcome_unknown', 'dependency_down'],
  ['a write that no majority acknowledges', acknowledgement, 'outcome_unknown', 'dependency_down'],
  ['a lost connection', new MongoNetworkError('no'), 'outcome_unknown', 'dependency_down'],
  ['a connection that breaks before the response', system('read'), 'outcome_unknown', 'dependency_down'],
  ['a connection that breaks during a command', system('write'), 'outcome_unknown', 'dependency_down'],
  ['an unknown host', system('getaddrinfo'), 'dependency_down', 'dependency_down'],
  ['an unknown service', system('querySrv'), 'dependency_down', 'dependency_down'],
  ['a failed connection attempt', connecting, 'dependency_down', 'dependency_down'],
  ['a wrong password', server(18), 'dependency_down', 'dependency_down'],
  ['an invalid command', server(9), 'invalid', 'invalid'],
] as const)
  test(`mongodb: ${name} is ${write} to a write and ${read} to a read`, (t: TestContext) => {
    t.assert.equal(codeOf(writeError(error)), write)
    t.assert.equal(codeOf(readError(error)), read)
  })
