import type { FastifySchema } from 'fastify'

/**
 * Describes the operations of one tag for OpenAPI: each by its id, a summary, and the schemas of what it takes and sends, which
 * validate its requests too.
 */
export function describeOperations(tag: string) {
  return <Schema extends FastifySchema>(operationId: string, summary: string, schema: Schema) => ({
    schema: { tags: [tag], operationId, summary, ...schema },
  })
}
