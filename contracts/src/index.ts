export { BillingMessage, billingQueue } from './billing.ts'
export { GuidCommand, GuidEvent, guidEventsStream, publishedGuidEventOf } from './guid.ts'
export type { PublishedGuidEvent } from './guid.ts'
