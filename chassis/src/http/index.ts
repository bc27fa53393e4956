export type { FastifyReply, FastifyRequest } from 'fastify'
export { createApp } from './app.ts'
export type { App, AppOptions, Dependencies } from './app.ts'
export { etagOf, matchesEtag, parseIfMatch } from './preconditions.ts'
export {
  createIdempotency,
  createIdempotencyTable,
  DuplicateRequest,
  dropIdempotencyTable,
  sendAnswer,
} from './idempotency.ts'
export type { Answer, Idempotency, IdempotencyTable, Recorder } from './idempotency.ts'
export { linkToNextPage, openCursor, pageQuery, sealCursor } from './pages.ts'
export { prefersAsync } from './prefer.ts'
export { problemDocument, problems } from './problem.ts'
export { closeOnSignal, listen, runService } from './process.ts'
export type { QuickAnswer, QuickAnswers } from './quick-answers.ts'
