import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { bodyText } from './body-text.ts'
import type { Send } from './send.ts'

export type Limits = {
  readonly timeoutMs?: number
  readonly bytesMax?: number
}

type Received = { readonly status: number; readonly headers: Headers; readonly text: string }

const defaults = { timeoutMs: 10_000, bytesMax: 4 * 1_048_576 }

/** Gets JSON, or a problem document, of the gateway; rejects with an AppError for anything else. Redirects are not followed. */
export async function getJson(
  url: string,
  {
    send,
    fields = {},
    ...limits
  }: Limits & { readonly send: Send; readonly fields?: Readonly<Record<string, string>> },
): Promise<Received> {
  const { timeoutMs, bytesMax } = { ...defaults, ...limits }
  try {
    const response = await send(url, {
      headers: { accept: 'application/json', ...fields },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { status, headers } = response
    if (!isJson(headers.get('content-type')) || (status >= 300 && status < 400)) {
      await response.body?.cancel()
      throw new AppError('bad_gateway', `The gateway responds with ${status}, and not with JSON.`)
    }
    return { status, headers, text: await textOf(response, bytesMax) }
  } catch (error) {
    if (error instanceof AppError) throw error
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new AppError('gateway_timeout', `The gateway has not responded within ${timeoutMs} ms.`)
    throw dependencyDown('The gateway does not respond.', error)
  }
}

function isJson(type: string | null): boolean {
  return type !== null && /^application\/(?:problem\+)?json\b/.test(type)
}

async function textOf(response: Response, bytesMax: number): Promise<string> {
  const text = await bodyText(response, bytesMax)
  if (text === undefined)
    throw new AppError('bad_gateway', `The response has more than ${bytesMax} bytes; ask for fewer rows.`)
  return text
}
