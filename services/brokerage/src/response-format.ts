import { AppError } from '@quintet/chassis/errors'
import { jsonType, prefersStrict, problemDocument, problemType } from '@quintet/chassis/http'
import type { FastifyRequest } from '@quintet/chassis/http'
import { valuePlaceholder } from '@quintet/chassis/idempotency'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import { formatDecimal } from './decimal.ts'
import type { Decimal } from './decimal.ts'
import type { DecidedOutcome, Outcome } from './decisions.ts'
import { exactNumber } from './exact-number.ts'
import { isForm } from './form.ts'
import type { Refusal, Rule } from './order.ts'
import { messagesByField } from './representations.ts'
import type { Print } from './representations.ts'

/** The responses to requests of one format. */
type ResponseFormat = {
  /** A new account, with `valuePlaceholder` for its id, which only the store can assign. */
  accountOpened(cash: Decimal): RecordedResponse
  /**
   * The outcome of an order, or of each order of a batch, as it is recorded: instead of each balance it has the sequence of the order,
   * which `withBalances` replaces.
   */
  ordersPlaced(outcomes: readonly Outcome[], isBatch: boolean): RecordedResponse
  /** Prints the numbers of a balance. */
  readonly print: Print
  /** An error in a form of its own; undefined where it is a problem document as everywhere. */
  error(error: AppError): RecordedResponse | undefined
}

/** The Content-Type of a request selects the format of its response. */
export function responseFormatOf(request: FastifyRequest): ResponseFormat {
  return isForm(request.headers['content-type']) ? formEncodedFormat : createJsonFormat(request)
}

/** Numbers are numbers. A refusal is part of the body of a 200, or a problem when the client prefers strict handling. */
function createJsonFormat(request: FastifyRequest): ResponseFormat {
  const isStrict = prefersStrict(request.headers.prefer)
  const applied = isStrict ? { 'preference-applied': 'handling=strict' } : {}

  function problemOf(outcome: Outcome): AppError | undefined {
    if (outcome === 'conflict') return conflict()
    return isStrict && outcome.refusals.length > 0 ? refusalProblem(outcome.refusals) : undefined
  }

  function bodyOf(outcome: Outcome): unknown {
    if (outcome === 'conflict') return problemDocument(conflict(), request.id)
    const { refusals } = outcome
    if (!isStrict || refusals.length === 0) return outcomeBody(outcome)
    return { ...problemDocument(refusalProblem(refusals), request.id), business_errors: rulesOf(refusals) }
  }

  function orderPlaced(outcome: Outcome): RecordedResponse {
    const problem = problemOf(outcome)
    const type = problem === undefined ? jsonType : problemType(request)
    return respond(problem?.status ?? 200, { 'content-type': type, ...applied }, bodyOf(outcome))
  }

  function ordersPlaced(outcomes: readonly Outcome[], isBatch: boolean): RecordedResponse {
    const [only] = outcomes
    if (only !== undefined && !isBatch) return orderPlaced(only)
    const bodies = outcomes.map(bodyOf)
    return respond(200, { 'content-type': jsonType, ...applied }, bodies)
  }

  return {
    accountOpened: (cash) =>
      accountOpened(`{"id":${valuePlaceholder},"cash":${formatDecimal(cash)},"issuers":[]}`),
    ordersPlaced,
    print: exactNumber,
    error: () => undefined,
  }
}

/** Everything is in an envelope, and every number in it is a string. */
const formEncodedFormat: ResponseFormat = {
  accountOpened(cash) {
    const data = `{"id":"${valuePlaceholder}","cash":"${formatDecimal(cash)}","issuers":[]}`
    return accountOpened(`{"HTTPResponse":200,"data":${data},"message":""}`)
  },
  ordersPlaced: ([outcome]) => formPlaced(outcome),
  print: String,
  error: (error) => (error.status < 500 ? errorEnvelope(error) : undefined),
}

/** A form has one order. */
function formPlaced(outcome: Outcome = 'conflict'): RecordedResponse {
  if (outcome === 'conflict') return errorEnvelope(conflict())
  const [first] = outcome.refusals
  const status = first === undefined ? 200 : formStatuses[first.rule]
  return envelope(status, outcomeBody(outcome), messageOf(outcome.refusals))
}

/** The first broken rule selects the status: conflict with another order, or unprocessable. */
function refusalProblem(refusals: readonly Refusal[]): AppError {
  const code = refusals[0]?.rule === 'DUPLICATED_OPERATION' ? 'conflict' : 'unprocessable'
  return new AppError(code, messageOf(refusals), { errors: messagesByField(refusals) })
}

/** The statuses of the original API, whose clients send forms. */
const formStatuses: Readonly<Record<Rule, number>> = {
  INVALID_OPERATION: 400,
  CLOSED_MARKET: 403,
  DUPLICATED_OPERATION: 425,
  INSUFFICIENT_BALANCE: 403,
  INSUFFICIENT_STOCKS: 403,
}

function errorEnvelope(error: AppError): RecordedResponse {
  const retryAfter = error.retryAfterSeconds
  const data = error.errors === undefined ? {} : { errors: error.errors }
  return envelope(error.status, data, error.message, {
    ...error.headers,
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  })
}

function envelope(
  status: number,
  data: unknown,
  message: string,
  headers: RecordedResponse['headers'] = {},
): RecordedResponse {
  return respond(status, { 'content-type': jsonType, ...headers }, { HTTPResponse: status, data, message })
}

function accountOpened(body: string): RecordedResponse {
  return {
    status: 200,
    headers: { 'content-type': jsonType, location: `/accounts/${valuePlaceholder}` },
    body,
  }
}

function respond(status: number, headers: RecordedResponse['headers'], body: unknown): RecordedResponse {
  return { status, headers, body: JSON.stringify(body) }
}

function outcomeBody({ sequence, refusals }: DecidedOutcome): unknown {
  return { current_balance: sequence, business_errors: rulesOf(refusals) }
}

function rulesOf(refusals: readonly Refusal[]): Rule[] {
  return refusals.map(({ rule }) => rule)
}

function messageOf(refusals: readonly Refusal[]): string {
  return refusals.flatMap(({ sentences }) => Object.values(sentences)).join(' ')
}

function conflict(): AppError {
  const sentence = 'client_order_id must be one that no other order of this account has.'
  return new AppError('conflict', sentence, { errors: { client_order_id: sentence } })
}
