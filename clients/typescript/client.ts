import createClient from 'openapi-fetch'
import type { Client, ClientOptions } from 'openapi-fetch'
import type { Problem, paths } from './api.ts'

export type * from './api.ts'
export type QuintetClient = Client<paths>

export type QuintetClientOptions = Omit<ClientOptions, 'baseUrl'> & {
  /** The token of each request where clients are authenticated; a function gives the one of the moment. */
  readonly token?: string | (() => string | Promise<string>) | undefined
  /** An API key in the place of a token. */
  readonly apiKey?: string | undefined
}

/**
 * A client with typed paths, parameters, bodies and responses. A call resolves to `{ data, error, response }`
 * whatever the status is, and rejects only when there is no response, or no token. It repeats no request.
 */
export function createQuintetClient(baseUrl: string, options: QuintetClientOptions = {}): QuintetClient {
  const { token, apiKey, ...others } = options
  const client = createClient<paths>({ ...others, baseUrl })
  client.use({
    async onRequest({ request }) {
      const current = typeof token === 'function' ? await token() : token
      if (current) request.headers.set('authorization', `Bearer ${current}`)
      if (apiKey) request.headers.set('x-api-key', apiKey)
      return request
    },
  })
  return client
}

/** An error response, with its problem document. */
export class ProblemError extends Error {
  readonly status: number
  readonly problem: Partial<Problem>

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `The response has the status ${status}.`)
    this.name = new.target.name
    this.status = status
    this.problem = problem
  }
}

/** 401: there was no token or API key, or it is not accepted. */
export class UnauthorizedError extends ProblemError {
  /** What is wrong with the token, such as `expired`; undefined if there was none, and for an API key. */
  readonly fault: string | undefined

  constructor({ status, headers }: Response, problem: Partial<Problem>) {
    super(status, problem)
    this.fault = parameterOf(headers, 'error_description')
  }
}

/** 403: whoever sends the request may not do that, or not from this address. */
export class ForbiddenError extends ProblemError {
  /** The scope that is missing, if that is why. */
  readonly scope: string | undefined

  constructor({ status, headers }: Response, problem: Partial<Problem>) {
    super(status, problem)
    this.scope = parameterOf(headers, 'scope')
  }
}

/** 429: a limit or quota is reached. */
export class TooManyRequestsError extends ProblemError {
  /** When to try again. */
  readonly retryAfterSeconds: number | undefined
  /** The names of the limits and quotas. */
  readonly policies: readonly string[]

  constructor({ status, headers }: Response, problem: Partial<Problem>) {
    super(status, problem)
    const seconds = headers.get('retry-after')
    this.retryAfterSeconds = seconds === null ? undefined : Number(seconds)
    this.policies = problem['violated-policies'] ?? []
  }
}

/** The value of a parameter of WWW-Authenticate. */
function parameterOf(headers: Headers, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(headers.get('www-authenticate') ?? '')?.[1]
}

type Result<Data> =
  | { readonly data: Data; readonly error?: never; readonly response: Response }
  | { readonly data?: never; readonly error: unknown; readonly response: Response }

/** The body of a successful response; throws a ProblemError for an error response: for 401, 403 and 429 one of its own. */
export function dataOf<Data>(result: Result<Data>): Data {
  const { error, response } = result
  if (!response.ok || !('data' in result) || result.data === undefined)
    throw errorOf(response, typeof error === 'object' ? { ...error } : {})
  return result.data
}

function errorOf(response: Response, problem: Partial<Problem>): ProblemError {
  const { status } = response
  if (status === 401) return new UnauthorizedError(response, problem)
  if (status === 403) return new ForbiddenError(response, problem)
  if (status === 429) return new TooManyRequestsError(response, problem)
  return new ProblemError(status, problem)
}

/** The cursor of the next page, for the query of the next request; undefined on the last page. */
export function nextCursor({ headers }: Response): string | undefined {
  const target = /<([^<>]*)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1]
  const query = target?.split('?', 2)[1]
  return new URLSearchParams(query).get('cursor') ?? undefined
}
