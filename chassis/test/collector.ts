import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Type } from 'typebox'
import { Check } from 'typebox/schema'

type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

const strict = { additionalProperties: false }
const hex = (bytes: number) => Type.String({ pattern: `^(?!0+$)[\\da-f]{${2 * bytes}}$` })
const int64 = Type.String({ pattern: '^-?\\d{1,19}$' })
const KeyValue = Type.Object(
  {
    key: Type.String({ minLength: 1 }),
    value: Type.Union([
      Type.Object({ stringValue: Type.String() }, strict),
      Type.Object({ boolValue: Type.Boolean() }, strict),
      Type.Object({ intValue: int64 }, strict),
      Type.Object({ doubleValue: Type.Number() }, strict),
    ]),
  },
  strict,
)
const Span = Type.Object(
  {
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: Type.Optional(hex(8)),
    name: Type.String({ minLength: 1 }),
    kind: Type.Integer({ minimum: 1, maximum: 5 }),
    startTimeUnixNano: int64,
    endTimeUnixNano: int64,
    attributes: Type.Array(KeyValue),
    links: Type.Optional(
      Type.Array(Type.Object({ traceId: hex(16), spanId: hex(8), attributes: Type.Array(KeyValue) }, strict)),
    ),
    status: Type.Object({ code: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 })) }, strict),
  },
  strict,
)
/** What is used of the JSON mapping of opentelemetry/proto/collector/trace/v1, and nothing that is not in it. */
const ExportTraceServiceRequest = Type.Object(
  {
    resourceSpans: Type.Array(
      Type.Object(
        {
          resource: Type.Object({ attributes: Type.Array(KeyValue) }, strict),
          scopeSpans: Type.Array(
            Type.Object(
              {
                scope: Type.Object({ name: Type.String(), version: Type.String() }, strict),
                spans: Type.Array(Span),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
  },
  strict,
)

/** A collector that takes what the protocol admits, unless `respond` responds otherwise; it has what was sent to it, without compression. */
export async function startCollector(
  t: TestContext,
  respond: (response: ServerResponse, count: number) => void = (response) => response.end('{}'),
) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const raw = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    received.push({ path: request.url ?? '', headers: request.headers, body })
    response.setHeader('content-type', 'application/json')
    if (Check(ExportTraceServiceRequest, JSON.parse(body.toString()))) respond(response, received.length)
    else response.writeHead(400).end('{"message":"It is no ExportTraceServiceRequest."}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('It listens on a port.')
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    bodies: () => received.map(({ body }) => body),
    spans: () =>
      received.flatMap(({ body }) => {
        const { resourceSpans }: ExportRequest = JSON.parse(body.toString())
        return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      }),
  }
}

type ExportRequest = {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Readonly<Record<string, unknown>>[] }[]
  }[]
}
