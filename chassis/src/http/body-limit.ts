import { AppError } from '../errors/index.ts'

/** The largest body of a request where neither the service nor the route has a limit of its own. */
export const bodyBytesMax = 1_048_576

/** The 413 of a body with more bytes than this. */
export function bodyTooLarge(bytesMax: number): AppError {
  return new AppError('body_too_large', `The body is larger than ${sizeText(bytesMax)}.`)
}

/** The sentence on the limit in the description of an operation. */
export function bodyLimitNote(bytesMax: number): string {
  return `The body may have at most ${sizeText(bytesMax)}; a larger one is 413.`
}

function sizeText(bytes: number): string {
  return bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : `${bytes / 1_024} KiB`
}
