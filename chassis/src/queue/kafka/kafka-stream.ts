import { createLimiter } from '../../concurrency/index.ts'
import { invalid } from '../../errors/index.ts'
import { UnknownPosition } from '../port.ts'
import type { EventStream } from '../port.ts'
import type { KafkaCluster } from './cluster.ts'
import { messageOf, recordOf } from './message.ts'
import type { KafkaProducer } from './producer.ts'
import type { StoredMessages } from './stored-messages.ts'

/** Each read has a connection of its own. */
const reads = {
  concurrencyMax: 8,
  waitingMax: 1_000,
  refusal: 'Too many reads of events are waiting; retry.',
}

/** Streams as topics of one partition, whose retention decides what they keep. */
export function createKafkaStreams({
  cluster,
  producer,
  stored,
}: {
  cluster: KafkaCluster
  producer: KafkaProducer
  stored: StoredMessages
}): Pick<EventStream, 'append' | 'readStream'> {
  const limitReads = createLimiter(reads)
  return {
    async append(stream, messages) {
      if (messages.length === 0) return
      const topic = cluster.topicName(stream)
      await cluster.ensureStream(topic)
      await producer.send(
        topic,
        messages.map((message) => recordOf(topic, message)),
      )
    },

    async readStream(stream, { after = 0, limit = 100 } = {}) {
      const topic = cluster.topicName(stream)
      const ranges = await cluster.ranges(topic)
      if (ranges.length > 1)
        throw invalid({
          stream: `${stream} has ${ranges.length} partitions, so that its messages have no common order.`,
        })
      const last = Number(ranges[0]?.end ?? 0)
      if (after > last) throw new UnknownPosition(last)
      const page = ranges.map(({ start, ...range }) => ({
        ...range,
        start: start > BigInt(after) ? start : BigInt(after),
      }))
      const records = await limitReads(() => stored.recordsOf(topic, page, limit))
      return records.map((record) => ({
        ...messageOf(record),
        position: Number(record.offset) + 1,
        appendedAt: record.timestamp,
      }))
    },
  }
}
