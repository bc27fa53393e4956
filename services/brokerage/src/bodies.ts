import { invalid } from '@quintet/chassis/errors'
import { compileFaults } from '@quintet/chassis/http'
import type { TSchema } from 'typebox'
import { integerOf, decimalOf, parseDecimal } from './decimal.ts'
import type { Decimal } from './decimal.ts'
import { isExactNumber } from './exact-number.ts'
import type { Order } from './order.ts'
import { NewAccount, NewOrder, ordersPerBatchMax } from './schemas.ts'

/** The members of an order that depend on when and how it arrived. */
export type Arrival = Pick<Order, 'receivedMs' | 'hoursBy' | 'duplicatesBy' | 'isInSequence' | 'isRecorded'>

/** The opening cash in a parsed body of either format; reports all faults at once. */
export function readNewAccount(body: unknown): Decimal {
  const errors = accountErrors(body, 'The body')
  const cash = readDecimal(body, 'cash', errors)
  if (cash < 0n) addError(errors, 'cash', 'cash must not be negative.')
  throwIfAny(errors)
  return cash
}

/** One order, or those of a batch, whose faults are reported by index and field, `2.share_price`, or by index alone. */
export function readOrders(body: unknown, arrival: Arrival): Order[] {
  if (!Array.isArray(body)) {
    const { order, errors } = readOrder(body, arrival, 'The body')
    throwIfAny(errors)
    return [order]
  }
  if (body.length > ordersPerBatchMax)
    throw invalid({ body: `The body must have at most ${ordersPerBatchMax} orders.` })
  const read = body.map((one: unknown, i) => readOrder(one, arrival, `Order ${i}`))
  const found = read.flatMap(({ errors }, i) =>
    Array.from(
      errors,
      ([field, sentence]) => [field === whole ? `${i}` : `${i}.${field}`, sentence] as const,
    ),
  )
  const errors: Errors = new Map(found.slice(0, faultsNamedMax))
  if (found.length > faultsNamedMax)
    errors.set(whole, `The body has ${found.length} faults; the first ${faultsNamedMax} are named.`)
  throwIfAny(errors)
  return read.map(({ order }) => order)
}

/** A small batch can have thousands of faults, and the response would be hundreds of times as long. */
const faultsNamedMax = 100

/** A sentence for each field, whose name the client may have chosen, and one for the whole. */
type Errors = Map<string | undefined, string>
const whole = undefined

function addError(errors: Errors, field: string | undefined, sentence: string): void {
  if (!errors.has(field)) errors.set(field, sentence)
}

/** `title` is what the order is called in a sentence. */
function readOrder(body: unknown, arrival: Arrival, title: string): { order: Order; errors: Errors } {
  const errors = orderErrors(body, title)
  const clientOrderId = readText(body, 'client_order_id')
  const order = {
    operation: readText(body, 'operation') ?? '',
    issuer: readText(body, 'issuer_name') ?? '',
    shares: readDecimal(body, 'total_shares', errors),
    price: readDecimal(body, 'share_price', errors),
    timestampMs: readTimestamp(body, 'timestamp', errors),
    ...arrival,
    ...(clientOrderId !== undefined && { clientOrderId }),
  }
  return { order, errors }
}

const accountErrors = createSchemaCheck(NewAccount)
const orderErrors = createSchemaCheck(NewOrder)

/** Checks the members of a body and their types against a schema, but not the values of its numbers. */
function createSchemaCheck(schema: TSchema): (body: unknown, title: string) => Errors {
  const check = compileFaults(schema)
  return (body, title) => {
    const errors: Errors = new Map()
    for (const { field, isOfWhole, sentence } of check(withPlainNumbers(body), title))
      addError(errors, isOfWhole ? whole : field, sentence)
    return errors
  }
}

/** Replaces exact numbers, which the schema compiler does not support, by 0. */
function withPlainNumbers(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || isExactNumber(body))
    return plain(body)
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  return isExactNumber(value) ? 0 : value
}

function readDecimal(body: unknown, name: string, errors: Errors): Decimal {
  const value = memberOf(body, name)
  const notation = isExactNumber(value) ? value.rawJSON : value
  if (typeof notation !== 'string') return 0n
  const parsed = parseDecimal(notation)
  if (typeof parsed !== 'string') return parsed
  addError(errors, name, `${name} ${parsed}`)
  return 0n
}

/** From here up a timestamp is in milliseconds; as seconds it would lie in the year 5138. */
const millisecondsMin = decimalOf(100_000_000_000n)

function readTimestamp(body: unknown, name: string, errors: Errors): number {
  const value = readDecimal(body, name, errors)
  if (value < 0n) addError(errors, name, `${name} must not be negative.`)
  const milliseconds = value < millisecondsMin ? value * 1_000n : value
  return Number(integerOf(milliseconds - (milliseconds % decimalOf(1n))))
}

function readText(body: unknown, name: string): string | undefined {
  const value = memberOf(body, name)
  return typeof value === 'string' ? value : undefined
}

function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? Reflect.get(body, name)
    : undefined
}

function throwIfAny(errors: Errors): void {
  if (errors.size > 0)
    throw invalid(Object.fromEntries(Array.from(errors, ([field = 'body', one]) => [field, one])))
}
