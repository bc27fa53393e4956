import { decimalOf } from '../src/decimal.ts'
import type { Order } from '../src/order.ts'

/** A purchase of 2 shares at 50, as sent in JSON. */
export const buyOrder: Order = {
  operation: 'BUY',
  issuer: 'AAPL',
  shares: decimalOf(2n),
  price: decimalOf(50n),
  timestampMs: 1_000_000,
  receivedMs: 1_000_000,
  hoursBy: 'order',
  duplicatesBy: 'order',
  isInSequence: false,
  isRecorded: false,
}
