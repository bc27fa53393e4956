import type { FastifyReply } from 'fastify'

export const jsonType = 'application/json; charset=utf-8'

/** Sends JSON that is serialized already. */
export function sendJson(reply: FastifyReply, text: string): void {
  reply.type(jsonType).send(text)
}

/** Sends a representation with its ETag. */
export function sendRepresentation(reply: FastifyReply, etag: string, text: string): void {
  reply.header('etag', etag)
  sendJson(reply, text)
}
