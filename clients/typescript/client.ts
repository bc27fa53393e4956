import createClient from 'openapi-fetch'
import type { Client, ClientOptions } from 'openapi-fetch'
import type { Problem, paths } from './api.ts'

export type * from './api.ts'
export type QuintetClient = Client<paths>

/**
 * A client with typed paths, parameters, bodies and responses. A call resolves to `{ data, error, response }`
 * whatever the status is, and rejects only when there is no response.
 */
export function createQuintetClient(
  baseUrl: string,
  options: Omit<ClientOptions, 'baseUrl'> = {},
): QuintetClient {
  return createClient<paths>({ ...options, baseUrl })
}

/** An error response, with its problem document. */
export class ProblemError extends Error {
  readonly status: number
  readonly problem: Partial<Problem>

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `The response has the status ${status}.`)
    this.name = 'ProblemError'
    this.status = status
    this.problem = problem
  }
}

type Result<Data> =
  | { readonly data: Data; readonly error?: never; readonly response: Response }
  | { readonly data?: never; readonly error: unknown; readonly response: Response }

/** The body of a successful response; throws a ProblemError for an error response. */
export function dataOf<Data>(result: Result<Data>): Data {
  const { error, response } = result
  if (!response.ok || !('data' in result) || result.data === undefined)
    throw new ProblemError(response.status, typeof error === 'object' ? { ...error } : {})
  return result.data
}

/** The cursor of the next page, for the query of the next request; undefined on the last page. */
export function nextCursor({ headers }: Response): string | undefined {
  const target = /<([^<>]*)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1]
  const query = target?.split('?', 2)[1]
  return new URLSearchParams(query).get('cursor') ?? undefined
}
