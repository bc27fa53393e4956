/** A promise of docs/guarantees.md, as far as a running service can check it. */
export type CheckedPromise = {
  /** A word, unique in its service, such as `ledger`. */
  readonly id: string
  /** What is promised, in a sentence. */
  readonly title: string
  /** Its heading in docs/guarantees.md as a fragment, which is also its name for `npm run prove`. */
  readonly guarantee: string
  /** Changes nothing. May reject, for example while an engine does not respond: then the verdict is `unknown`. */
  readonly check: Check
}

export type Check = (bounds: CheckBounds) => Promise<PromiseFinding>

/** How much a check reads. */
type CheckBounds = {
  readonly sampleMax: number
  /** Whether there is time for more; to be called before each thing that takes time. */
  hasTime(): boolean
}

export type Verdict = 'kept' | 'broken' | 'unknown'

/** `found` is a sentence with ids and no other data, since it is logged; `sample` is how many things were checked. */
export type PromiseFinding = { readonly verdict: Verdict; readonly found: string; readonly sample: number }

/** A promise with what its last check has found. */
export type PromiseState = PromiseFinding & {
  readonly id: string
  readonly service: string
  readonly title: string
  /** Its place in the documentation. */
  readonly guarantee: string
  /** When it was checked, in milliseconds since 1970; null if it never was, and below. */
  readonly at: number | null
  readonly durationMs: number | null
  /** The command that tries to break it. */
  readonly command: string
}
