import type {
  DeadLetterGroups,
  QueueList,
  QueueMessage,
  QueueMessages,
  QueueSummary,
} from '@quintet/console/wire'

const minute = 60_000

export function queues(): QueueList {
  const queue = (name: string, service: string, rest: Partial<QueueSummary>): QueueSummary => ({
    name,
    broker: 'sqlite',
    url: 'sqlite:data/queue.db',
    service,
    live: 0,
    dead: 0,
    oldestAgeMs: null,
    published: 0,
    done: 0,
    failed: 0,
    fault: null,
    ...rest,
  })
  return {
    data: [
      queue('guid.commands', 'guid', { oldestAgeMs: 0, published: 38, done: 38 }),
      queue('certificates.notifications', 'certificates', {
        live: 4,
        oldestAgeMs: 2_300,
        published: 0.4,
        done: 0.4,
      }),
      queue('billing_queue', 'billing', {
        live: 3,
        dead: 37,
        oldestAgeMs: 210,
        published: 12.4,
        done: 12.1,
        failed: 0.3,
      }),
    ],
  }
}

const reasons = [
  'user_id must be a string of digits.',
  'total_amount must not be negative.',
  'The database refused the order: CHECK constraint failed: number_of_items > 0',
] as const

export function deadLetterGroups(now: number): DeadLetterGroups {
  const group = (reason: string, count: number, first: number, last: number) => ({
    reason,
    count,
    firstAt: now - first * minute,
    lastAt: now - last * minute,
  })
  return {
    data: [group(reasons[0], 31, 142, 4), group(reasons[1], 5, 96, 31), group(reasons[2], 1, 18, 18)],
    total: 37,
    seen: 37,
    effect: null,
  }
}

export function deadLetters(now: number): QueueMessages {
  const data = Array.from({ length: 37 }, (_, index): QueueMessage => {
    const reason = index < 31 ? reasons[0] : index < 36 ? reasons[1] : reasons[2]
    const body = JSON.stringify({
      user_id: index < 31 ? `user-${index}` : String(index),
      number_of_items: index === 36 ? '0' : '5',
      total_amount: index < 31 || index === 36 ? '180' : '-12',
    })
    return {
      position: index + 1,
      id: `0195f3a2-7c1e-7b44-9d20-${(0xa31c00 + index * 577).toString(16).padStart(12, '0')}`,
      key: '',
      at: now - (142 - index * 3.6) * minute,
      attempts: index === 36 ? 5 : 1,
      reason,
      body,
      bodyBytes: body.length,
      headers: {
        'content-type': 'application/json',
        traceparent: `00-${traceId(index)}-00f067aa0ba902b7-01`,
      },
      traceId: traceId(index),
    }
  })
  return { data, next: null, effect: null }
}

function traceId(index: number): string {
  return `4bf92f3577b34da6a3ce929d${(0x0e0e4736 + index * 7_919).toString(16).padStart(8, '0')}`
}
