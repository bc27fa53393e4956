import type { LogLine, LogList, Span, Trace, TraceList, TraceSummary } from '@quintet/console/wire'

const id = (index: number) =>
  `4bf92f3577b34da6a3ce929d${(0x0e0e4736 + index * 7_919).toString(16).padStart(8, '0')}`
const roots = [
  ['guid', 'GET /guid/:guid', 2.4, 2],
  ['inventory', 'GET /api/movies/:id', 3.1, 3],
  ['brokerage', 'POST /accounts/:id/orders', 11.8, 6],
  ['billing', 'POST /api/billing', 6.2, 4],
  ['guid', 'POST /guid', 4.9, 5],
  ['certificates', 'GET /users/:id/certificates', 38, 4],
] as const

function summary(index: number, now: number): TraceSummary {
  const [service, root, base, spans] = roots[index % roots.length] ?? roots[0]
  const failed = index % 17 === 5
  const isSlow = !failed && index % 11 === 8
  return {
    id: id(index),
    requestId: `req-${(0x51a0 + index * 37).toString(16)}`,
    at: now - index * 7_300 - 1_200,
    root,
    service: 'gateway',
    services: root === 'POST /api/billing' ? ['gateway', 'billing'] : ['gateway', service],
    durationMs: failed ? 2_004 : isSlow ? 312 + index : base * (1 + ((index * 7) % 10) / 10),
    spans: failed ? 1 : spans,
    failed,
    status: failed ? 503 : root.startsWith('POST /guid') ? 201 : 200,
    why: failed ? 'error' : isSlow ? 'slow' : 'sampled',
  }
}

export function traces(now: number): TraceList {
  const data = Array.from({ length: 120 }, (_, index) => summary(index, now))
  const count = (of: (trace: TraceSummary) => string) =>
    data.reduce<Record<string, number>>((counts, trace) => {
      counts[of(trace)] = (counts[of(trace)] ?? 0) + 1
      return counts
    }, {})
  return {
    data,
    next: null,
    held: { kept: 120, of: 601_470, oldestAt: now - 120 * 7_300, stopped: false },
    facets: {
      service: count((trace) => trace.service),
      route: count((trace) => trace.root),
      why: count((trace) => trace.why),
    },
  }
}

export function trace(traceId: string, now: number): Trace {
  const at = now - 4_000
  const span = (
    number: number,
    parent: number,
    service: string,
    name: string,
    kind: Span['kind'],
    start: number,
    durationMs: number,
    attributes: Span['attributes'] = {},
  ): Span => ({
    id: number.toString(16).padStart(16, '0'),
    parentId: parent === 0 ? '' : parent.toString(16).padStart(16, '0'),
    service,
    name,
    kind,
    at: at + start,
    durationMs,
    error: '',
    attributes,
    links: [],
  })
  const data = [
    span(1, 0, 'gateway', 'POST /accounts/:id/orders', 'server', 0, 14.6, {
      'http.response.status_code': 200,
    }),
    span(2, 1, 'gateway', 'POST', 'client', 0.4, 13.9, {
      'quintet.upstream': 'brokerage',
      'server.port': 8000,
    }),
    span(3, 2, 'brokerage', 'POST /accounts/:id/orders', 'server', 0.9, 13.1, {
      'http.route': '/accounts/:id/orders',
    }),
    span(4, 3, 'brokerage', 'SELECT account', 'client', 1.2, 0.7, { 'db.system.name': 'sqlite' }),
    span(5, 3, 'brokerage', 'SELECT positions', 'client', 2.1, 0.6, { 'db.system.name': 'sqlite' }),
    span(6, 3, 'brokerage', 'decide order', 'internal', 2.8, 0.3),
    span(7, 3, 'brokerage', 'commit order', 'client', 3.3, 10.2, {
      'db.system.name': 'sqlite',
      'quintet.commit.units': 14,
      'quintet.commit.waited_ms': 4.1,
    }),
  ]
  return {
    ...summary(2, now),
    id: traceId,
    at,
    durationMs: 14.6,
    spans: data.length,
    data,
    linked: [],
    gaps: [],
  }
}

export function logs(now: number): LogList {
  const data = Array.from({ length: 40 }, (_, index): LogLine => {
    const { service, level, message } = lineOf(index)
    const at = now - index * 2_100 - 300
    const line = JSON.stringify({ level, time: at, service, msg: message, traceId: id(index) })
    return {
      id: 61_200 - index,
      at,
      level,
      service,
      message,
      traceId: id(index),
      requestId: `req-${index}`,
      line,
    }
  })
  return { data, next: null, held: { kept: 61_200, of: null, oldestAt: now - 277_200_000, stopped: false } }
}

function lineOf(index: number): Pick<LogLine, 'service' | 'level' | 'message'> {
  if (index % 9 === 2)
    return { service: 'certificates', level: 'warn', message: 'The database takes longer than 2 s.' }
  if (index % 13 === 7)
    return { service: 'billing', level: 'error', message: 'A message became a dead letter.' }
  return { service: index % 2 === 0 ? 'gateway' : 'guid', level: 'info', message: 'request completed' }
}
