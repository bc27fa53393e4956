export { isSignedWith, orderIdKey, orderIdKeyFile, signMessageId, unsignedMessageId } from './message-id.ts'
export { BillingMessage, billingQueue, ownerHeader } from './billing.ts'
export { eventsHeartbeatMs, GuidCommand, GuidEvent, guidEventsStream, publishedGuidEventOf } from './guid.ts'
export type { PublishedGuidEvent } from './guid.ts'
