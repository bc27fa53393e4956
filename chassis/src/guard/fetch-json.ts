/** Many times as much as the documents of issuers have. */
const bytesMax = 512 * 1024
const timeoutMs = 5_000

/** The status of a response that is no success. */
export class StatusError extends Error {
  readonly status: number

  constructor(url: string, status: number) {
    super(`${url} responded with status ${status}`)
    this.status = status
  }
}

/** The object of JSON at a URL, by a request of bounded time and size. A redirection is a failure: it could lead to another server. */
export async function fetchObject(url: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new StatusError(url, response.status)
  }
  const value: unknown = JSON.parse(await readText(response, url))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${url} is not an object of JSON`)
  return { ...value }
}

async function readText({ body }: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > bytesMax) throw new Error(`${url} has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}
