import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

/** Content that is made once and sent to many: all responses share its bytes, so that those which wait for slow clients cost no memory. */
export type KeptContent = { readonly type: string; readonly bytes: Buffer; readonly etag: string }

/** The entity tag is the hash of the bytes, so that several processes have the same one (RFC 9110, 8.8.3). */
export function keptContent(type: string, bytes: Buffer): KeptContent {
  const hash = createHash('sha256').update(bytes).digest('base64url')
  return { type, bytes, etag: `"${hash.slice(0, 22)}"` }
}

/** Keeps the JSON text of the last document, which is serialized again only when the document is another object. */
export function createJsonKeeper(type: string): (document: object) => KeptContent {
  let kept: { readonly document: object; readonly content: KeptContent } | undefined
  return (document) => {
    if (kept?.document !== document)
      kept = { document, content: keptContent(type, Buffer.from(JSON.stringify(document))) }
    return kept.content
  }
}

export function sendKept(reply: FastifyReply, { type, bytes, etag }: KeptContent): FastifyReply {
  return reply.type(type).header('etag', etag).send(bytes)
}
