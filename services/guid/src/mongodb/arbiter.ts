import type { Arbiter, ControlRow } from '@quintet/chassis/cache'
import type { MongoConnection } from './connection.ts'

type ControlDocument = ControlRow & { _id: string }

const _id = 'cache'
const first: ControlDocument = { _id, epoch: 0, mode: 'none', generation: '', instance: '', challenge: '' }

/** The part of MongoDB in the protocol of the cache: a document says which server is the cache. */
export function createMongoArbiter(connection: MongoConnection): Arbiter {
  const control = connection.collection<ControlDocument>('control')
  const find = () => connection.readLinearizable((options) => control.findOne({ _id }, options))

  return {
    /** A linearizable read returns what a majority has, so each command that the server had executed before is decided. */
    async settle() {
      await find()
    },
    async read() {
      const found = await find()
      if (found !== undefined) return found
      await connection.insert((options) => control.insertOne(first, options))
      return first
    },
    async replace({ epoch, challenge }, next) {
      const change = { $set: { ...next, _id } }
      await connection.write((options) => control.updateOne({ _id, epoch, challenge }, change, options))
    },
  }
}
