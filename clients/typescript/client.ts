import createClient from 'openapi-fetch'
import type { Client, ClientOptions } from 'openapi-fetch'
import type { Problem, paths } from './api.ts'

export type * from './api.ts'
export type QuintetClient = Client<paths>

/**
 * A client whose paths, parameters, bodies and answers have types. A call resolves to `{ data, error, response }`
 * whatever the status is, and rejects only when there was no answer.
 */
export function createQuintetClient(
  baseUrl: string,
  options: Omit<ClientOptions, 'baseUrl'> = {},
): QuintetClient {
  return createClient<paths>({ ...options, baseUrl })
}

/** A refusal, with the problem document that tells its reason. */
export class ProblemError extends Error {
  readonly status: number
  readonly problem: Partial<Problem>

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `The answer has the status ${status}.`)
    this.name = 'ProblemError'
    this.status = status
    this.problem = problem
  }
}

type Result<Data> =
  | { readonly data: Data; readonly error?: never; readonly response: Response }
  | { readonly data?: never; readonly error: unknown; readonly response: Response }

/** What the answer holds; a refusal is thrown, for callers that have no other use for it. */
export function dataOf<Data>(result: Result<Data>): Data {
  const { error, response } = result
  if (!response.ok || !('data' in result) || result.data === undefined)
    throw new ProblemError(response.status, typeof error === 'object' ? { ...error } : {})
  return result.data
}

/** The cursor of the page behind this one, for the query of the next call; undefined on the last page. */
export function nextCursor({ headers }: Response): string | undefined {
  const target = /<([^>]*)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1]
  const query = target?.split('?', 2)[1]
  return new URLSearchParams(query).get('cursor') ?? undefined
}
