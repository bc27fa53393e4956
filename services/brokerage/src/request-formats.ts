import { AppError } from '@quintet/chassis/errors'
import { problems, sendResponse, toAppError } from '@quintet/chassis/http'
import type { App, FastifyReply, FastifyRequest } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { formType, parseForm } from './form.ts'
import { responseFormatOf } from './response-format.ts'
import { Envelope, OutcomeEnvelope } from './form-schemas.ts'

/** A body in either format, for the description of a route; `bodies.ts` validates it. */
export function bodyOf(json: TSchema, form: TSchema) {
  return { content: { 'application/json': { schema: json }, [formType]: { schema: form } } }
}

/** The successful response in either format. */
export function success(description: string, json: TSchema, envelope: TSchema) {
  return { description, content: { 'application/json': { schema: Type.Union([json, envelope]) } } }
}

/** Errors, which are problem documents, or envelopes for forms. */
export function errors(...statuses: readonly number[]) {
  const refusals = problems(...statuses)
  return Object.fromEntries(
    Object.entries(refusals).map(([status, { description, content }]) => [
      status,
      {
        description,
        content: {
          ...content,
          'application/json': { schema: Type.Union([content['application/problem+json'].schema, Envelope]) },
        },
      },
    ]),
  )
}

/** The refusals that forms alone get a status for. */
export const formRefusals = {
  403: refusal('Form: the market is closed, or the account has too little cash or too few shares.'),
  425: refusal('Form: the order duplicates one of the last 300 seconds.'),
}

function refusal(description: string) {
  return { description, content: { 'application/json': { schema: OutcomeEnvelope } } }
}

/** Said of each route that takes both. */
export const formatsNote =
  'A form gets an envelope `{HTTPResponse, data, message}`, in which every number is a string; ' +
  'a refused order then has the status of the first broken rule: 425 for a duplicate, 403 for a closed market, too little cash or too few shares, else 400.'

/** Registers the parser of forms, and refuses every other type but JSON, which is parsed already. */
export function acceptFormats(app: App): void {
  app.addContentTypeParser(formType, { parseAs: 'buffer' }, async (_: unknown, body: Buffer) =>
    parseForm(body),
  )
  app.addContentTypeParser('*', async () => {
    throw new AppError('unsupported_media_type', `Send the body as application/json or ${formType}.`)
  })
}

/**
 * The options of routes that take both formats: `bodies.ts` validates their bodies, since a schema cannot check exact numbers,
 * and the request's format decides how an error is sent.
 */
export const bothFormats = {
  validatorCompiler: () => () => true,
  errorHandler(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const response = responseFormatOf(request).error(toAppError(error, request))
    if (response === undefined) throw error
    sendResponse(reply, response)
  },
}
