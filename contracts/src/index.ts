export { BillingMessage, billingQueue } from './billing.ts'
export { GuidCommand, GuidEvent } from './guid.ts'
