import { AppError } from '../errors/index.ts'
import type { App } from './app.ts'

/**
 * Parses JSON with each number as the text that it was written with: a float keeps some 15 digits, and lets the others go
 * without a word. Throws `malformed` for what is no JSON.
 */
export function parseExactJson(text: string): unknown {
  try {
    return mayHoldNumber.test(text) ? JSON.parse(text, keepText) : JSON.parse(text)
  } catch {
    throw new AppError('malformed', 'The body is not well-formed JSON.')
  }
}

/** From here on, the app's handlers see the numbers of a body as texts. */
export function takeExactNumbers(app: App): void {
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_: unknown, body: string) => {
    if (body === '') throw new AppError('malformed', 'The body is empty where JSON was expected.')
    return parseExactJson(body)
  })
}

/** Looking for what can only begin a number, or stands in a string, costs a tenth of asking about every value. */
const mayHoldNumber = /(?:^|[:,[])\s*[-\d]/

/** JavaScript's third argument, of which TypeScript does not know yet: where the value comes from. */
function keepText(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? context?.source : value
}
