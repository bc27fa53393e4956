import { AppError } from '@quintet/chassis/errors'
import { sendResponse, toAppError } from '@quintet/chassis/http'
import type { App, FastifyReply, FastifyRequest } from '@quintet/chassis/http'
import { formType, parseForm } from './form.ts'
import { responseFormatOf } from './response-format.ts'

/** The media types that a body may have. */
export const consumes = ['application/json', formType]

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
    throw new AppError('unsupported_media_type', `Send the body as ${consumes.join(' or ')}.`)
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
