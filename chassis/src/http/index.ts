export type { FastifyReply, FastifyRequest } from 'fastify'
export { pending } from '../database/index.ts'
export { createApp } from './app.ts'
export type { App, AppOptions, Dependencies } from './app.ts'
export { parseExactJson } from './exact-json.ts'
export type { RawNumber } from './exact-json.ts'
export { etagOf, parseIfMatch } from './preconditions.ts'
export {
  completed,
  createIdempotency,
  DuplicateRequest,
  idempotencyKeptMs,
  idempotencyKeyOf,
  sendAnswer,
  stillAtWork,
} from './idempotency.ts'
export type { Answer, AnswerStore, FoundAnswer, Idempotency, KeptAnswer, Recorder } from './idempotency.ts'
export {
  createIdempotencyTable,
  createSqlAnswers,
  dropIdempotencyTable,
  keepStatements,
} from './sql-answers.ts'
export type { IdempotencyTable } from './sql-answers.ts'
export { linkToNextPage, openCursor, pageQuery, sealCursor } from './pages.ts'
export { problemType } from './negotiation.ts'
export { prefersAsync, prefersStrict } from './prefer.ts'
export { problemDocument, problems, toAppError } from './problem.ts'
export { jsonType, sendJson, sendRepresentation } from './representation.ts'
export { closeOnSignal, listen, runService } from './process.ts'
export type { QuickAnswer, QuickAnswers } from './quick-answers.ts'
export { text } from './text.ts'
export { compileCheck } from './validation.ts'
