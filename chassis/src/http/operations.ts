import type { FastifySchema } from 'fastify'

/** Header fields, or values of them, that an operation supports. Conditions are described for each operation whose route lists a 412. */
export type Support = 'Idempotency-Key' | 'respond-async' | 'handling=strict' | 'text/event-stream'

declare module 'fastify' {
  interface FastifySchema {
    /** For the OpenAPI description: adds the header fields and the statuses that belong to it. */
    supports?: readonly Support[]
    /** Whether the route reads a body that is compressed by gzip; it inflates it, and bounds what that makes of it. */
    readsGzip?: boolean
  }
}

/**
 * Describes the operations of one tag for OpenAPI: each by its id, a summary, and the schemas of what it takes and sends, which
 * validate its requests too.
 */
export function describeOperations(tag: string) {
  return <Schema extends FastifySchema>(operationId: string, summary: string, schema: Schema) => ({
    schema: { tags: [tag], operationId, summary, ...schema },
  })
}
