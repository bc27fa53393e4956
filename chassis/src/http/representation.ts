import type { FastifyReply, FastifyRequest } from 'fastify'
import { matchesEtag } from './preconditions.ts'

export const jsonType = 'application/json; charset=utf-8'

/** Sends JSON that is text already. */
export function sendJson(reply: FastifyReply, text: string): void {
  reply.type(jsonType).send(text)
}

/** Sends a representation with its validator, or 304 when a GET says that the client has it already (RFC 9110, 13.1.2). */
export function sendRepresentation(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  text: string,
): void {
  const known = request.headers['if-none-match']
  reply.header('etag', etag)
  if (known !== undefined && isRead(request.method) && matchesEtag(known, etag)) reply.code(304).send()
  else sendJson(reply, text)
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}
