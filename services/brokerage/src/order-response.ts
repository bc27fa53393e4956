import { AppError } from '@quintet/chassis/errors'
import { jsonType, prefersStrict, problemDocument, problemType } from '@quintet/chassis/http'
import { valuePlaceholder } from '@quintet/chassis/idempotency'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { FastifyRequest } from '@quintet/chassis/http'
import { formatDecimal } from './decimal.ts'
import type { Decimal } from './decimal.ts'
import { exactNumber } from './exact-number.ts'
import { isForm } from './form.ts'
import type { Refusal, Rule } from './order.ts'
import type { Outcome } from './order-processor.ts'
import { balanceBody } from './representations.ts'

type Decided = Exclude<Outcome, 'conflict'>

/** How a request of one kind is answered. */
export type ResponseFormat = {
  /** A new account, with `pending` where its id will be. */
  opened(cash: Decimal): RecordedResponse
  /** The outcome of an order, or of each order of a batch. */
  placed(outcomes: readonly Outcome[], isBatch: boolean): RecordedResponse
  /** An error that has a shape of its own; undefined where it is a problem document like all others. */
  error(error: AppError): RecordedResponse | undefined
}

/** The request's Content-Type picks the dialect. */
export function responseFormatOf(request: FastifyRequest): ResponseFormat {
  return isForm(request.headers['content-type']) ? formEncodedFormat : createJsonFormat(request)
}

/** Numbers are numbers. A refusal is told in the body of a 200, or as a problem when the client wants strict handling. */
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
    if (!isStrict || refusals.length === 0) return outcomeBody(outcome, exactNumber)
    return { ...problemDocument(refusalProblem(refusals), request.id), business_errors: rulesOf(refusals) }
  }

  function placedOne(outcome: Outcome): RecordedResponse {
    const problem = problemOf(outcome)
    const type = problem === undefined ? jsonType : problemType(request)
    return answer(problem?.status ?? 200, { 'content-type': type, ...applied }, bodyOf(outcome))
  }

  return {
    opened: (cash) => opened(`{"id":${valuePlaceholder},"cash":${formatDecimal(cash)},"issuers":[]}`),
    placed(outcomes, isBatch) {
      const [only] = outcomes
      if (only !== undefined && !isBatch) return placedOne(only)
      refuseTooLarge(outcomes)
      return answer(200, { 'content-type': jsonType, ...applied }, outcomes.map(bodyOf))
    },
    error: () => undefined,
  }
}

/** Everything is in an envelope, and every number in it is a string. */
const formEncodedFormat: ResponseFormat = {
  opened(cash) {
    const data = `{"id":"${valuePlaceholder}","cash":"${formatDecimal(cash)}","issuers":[]}`
    return opened(`{"HTTPResponse":200,"data":${data},"message":""}`)
  },
  placed([outcome = 'conflict']) {
    if (outcome === 'conflict') return errorEnvelope(conflict())
    const [first] = outcome.refusals
    const status = first === undefined ? 200 : formStatuses[first.rule]
    return envelope(status, outcomeBody(outcome, String), messageOf(outcome.refusals))
  },
  error: (error) => (error.status < 500 ? errorEnvelope(error) : undefined),
}

/** An account with many positions makes every outcome of a batch long. */
const positionsPerAnswerMax = 20_000

function refuseTooLarge(outcomes: readonly Outcome[]): void {
  const positions = outcomes.reduce(
    (sum, outcome) => sum + (outcome === 'conflict' ? 0 : outcome.balance.positions.size),
    0,
  )
  if (positions > positionsPerAnswerMax)
    throw new AppError(
      'body_too_large',
      `The answer would list more than ${positionsPerAnswerMax} positions; send fewer orders at once.`,
    )
}

/** The first rule decides whether the order is in conflict with another one or cannot be processed. */
function refusalProblem(refusals: readonly Refusal[]): AppError {
  const code = refusals[0]?.rule === 'DUPLICATED_OPERATION' ? 'conflict' : 'unprocessable'
  return new AppError(code, messageOf(refusals), { errors: sentencesOf(refusals) })
}

/** What the interface that the form dialect keeps has always said. */
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
  return answer(status, { 'content-type': jsonType, ...headers }, { HTTPResponse: status, data, message })
}

function opened(body: string): RecordedResponse {
  return {
    status: 200,
    headers: { 'content-type': jsonType, location: `/accounts/${valuePlaceholder}` },
    body,
  }
}

function answer(status: number, headers: RecordedResponse['headers'], body: unknown): RecordedResponse {
  return { status, headers, body: JSON.stringify(body) }
}

function outcomeBody({ balance, refusals }: Decided, print: (notation: string) => unknown): unknown {
  return { current_balance: balanceBody(balance, print), business_errors: rulesOf(refusals) }
}

function rulesOf(refusals: readonly Refusal[]): Rule[] {
  return refusals.map(({ rule }) => rule)
}

function messageOf(refusals: readonly Refusal[]): string {
  return refusals.flatMap(({ sentences }) => Object.values(sentences)).join(' ')
}

function sentencesOf(refusals: readonly Refusal[]): Record<string, string> {
  return Object.assign({}, ...refusals.map(({ sentences }) => sentences))
}

function conflict(): AppError {
  const sentence = 'client_order_id belongs to another order of this account.'
  return new AppError('conflict', sentence, { errors: { client_order_id: sentence } })
}
