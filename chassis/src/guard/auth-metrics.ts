import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Issuer } from './issuer.ts'

type Counts = Readonly<Record<string, number>>

/** Exports what has become of tokens and API keys, and how old the keys of the issuers are; they are read at each scrape. */
export function exportAuthMetrics(
  registry: Registry,
  {
    tokens,
    keys,
    fetches,
    issuers,
  }: {
    tokens: Counts
    keys: Counts
    fetches: Counts
    issuers: readonly Pick<Issuer, 'url' | 'keysAgeMs'>[]
  },
): void {
  exportCounts(registry, 'quintet_auth_tokens_total', {
    help: 'Tokens by result: kept (verified lately), verified, refused, unavailable (the issuer does not respond).',
    counts: tokens,
  })
  exportCounts(registry, 'quintet_auth_api_keys_total', {
    help: 'API keys by result: accepted, refused.',
    counts: keys,
  })
  exportCounts(registry, 'quintet_auth_key_fetches_total', {
    help: 'Fetches of the keys of issuers by result: ok, failed.',
    counts: fetches,
  })
  new Gauge({
    name: 'quintet_auth_keys_age_seconds',
    help: 'The age of the keys of each issuer; none before they have been fetched.',
    labelNames: ['issuer'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { url, keysAgeMs } of issuers) {
        const age = keysAgeMs()
        if (age !== undefined) this.set({ issuer: url }, age / 1_000)
      }
    },
  })
}

function exportCounts(
  registry: Registry,
  name: string,
  { help, counts }: { help: string; counts: Counts },
): void {
  new Counter({
    name,
    help,
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(counts)) this.inc({ result }, count)
    },
  })
}
