import type { Limits } from '../src/guard/context.ts'

/** Limits that decide by this alone, whoever sends the request. */
export function limitsBy(byClient: Limits['byClient']): Limits {
  return {
    byClient,
    byPrincipal: (_request, _principal, before) => before,
    charge() {},
    close: async () => {},
  }
}
