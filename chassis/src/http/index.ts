export type { FastifyReply, FastifyRequest } from 'fastify'
export { closeWithApp } from './close-with-app.ts'
export { createApp } from './app.ts'
export { setEffect } from './audit.ts'
export type { GuardConfig, GuardParts, VersionSettings } from '../guard/index.ts'
export { beginStream } from './begin-stream.ts'
export { dropLimitFields } from './guarded-response.ts'
export { hasMeaningfulBody, isGzip } from './request-form.ts'
export {
  clientAddressOf,
  clientNetworkOf,
  isFromTrustedProxy,
  peerAddressOf,
  securityFields,
  versionPrefixOf,
} from '../guard/index.ts'
export type { App, AppOptions, Dependencies } from './app-options.ts'
export { bodyTooLarge } from './body-limit.ts'
export {
  etagOf,
  isConditional,
  isUnchanged,
  parseIfMatch,
  parseIfNoneMatch,
  requireConditions,
  versionMismatch,
} from './preconditions.ts'
export {
  createIdempotency,
  idempotencyScopeOf,
  sendResponse,
} from './idempotency.ts'
export type { Idempotency, IdempotencyTarget } from './idempotency.ts'
export { linkToNextPage, decodeCursor, pageQuery, pageSize, encodeCursor } from './pages.ts'
export { describeOperations } from './operations.ts'
export { problemResponseOf, sharedResponses } from './documentation/shared-components.ts'
export { usedComponents } from './documentation/used-components.ts'
export type { Support } from './operations.ts'
export { problemType, qualityOf } from './negotiation.ts'
export { prefersAsync, prefersStrict } from './prefer.ts'
export { Problem, problemDocument, problems, toAppError } from './problem.ts'
export { spanOf, traceOf, traceparentFor } from './request-trace.ts'
export { jsonType, sendJson, sendRepresentation } from './representation.ts'
export { limitLogin } from './login-limit.ts'
export { addressOf, hasOperationsPort, listen, redirectLine } from './listen.ts'
export type { Address } from './listen.ts'
export { shortened } from './faults.ts'
export { closeOnSignal, runService } from './process.ts'
export { runWorkers, workersToStart } from './run-workers.ts'
export { listenForOperations } from './operations-listener.ts'
export { portFaults, startFaults } from './start-faults.ts'
export type { FastResponse } from './fast-path.ts'
export type { TlsOptions } from './tls.ts'
export { isStorable, text } from './text.ts'
export { boundUnread } from './unread-responses.ts'
export { compileCheck, compileFaults } from './validation.ts'
export type { WrongValueCode } from './validation.ts'
