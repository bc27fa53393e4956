import type { FastifyReply, FastifyRequest } from 'fastify'
import { matchesEtag } from './preconditions.ts'

export const jsonType = 'application/json; charset=utf-8'

/** Sends JSON that is serialized already. */
export function sendJson(reply: FastifyReply, text: string): void {
  reply.type(jsonType).send(text)
}

/** Sends a representation with its ETag, or 304 if a GET or HEAD names that in If-None-Match (RFC 9110, 13.1.2). */
export function sendRepresentation(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  text: string,
): void {
  const condition = request.headers['if-none-match']
  reply.header('etag', etag)
  if (condition !== undefined && isRead(request.method) && matchesEtag(condition, etag))
    reply.code(304).send()
  else sendJson(reply, text)
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}
