/** Messages that were committed together with the change they describe, and are not published yet. */
export type Outbox = {
  /**
   * The oldest rows, in the order of each key: those of about `limit` messages for each queue, and fewer only if there are
   * no more.
   */
  oldest(limit: number): Promise<readonly OutboxRow[]>
  /**
   * Takes or renews the relay's lease; the name of this outbox, or undefined while another holder has the lease. The engine's
   * clock judges it, so that processes whose clocks differ or are set agree, unless `now` is given, by a test. A lease that ends
   * later than one can that has just been taken is from before that clock was set back, and has expired.
   */
  takeLease(lease: LeaseRequest): Promise<string | undefined>
  /** Removes exactly these rows and, given a holder, ends its lease. */
  remove(rows: readonly OutboxRow[], holder: string | undefined): Promise<void>
  /** An upper bound of the number of rows, and the time of the oldest in milliseconds. */
  backlog(): Promise<{ rows: number; oldestAt?: number }>
}

type LeaseRequest = {
  readonly holder: string
  readonly leaseMs: number
  readonly now?: number | undefined
}

/** How far beyond its duration a lease may seem to end, since clocks are set back a little now and then, as by NTP. */
export const leaseToleranceMs = 5_000

/**
 * `id` identifies the row. `message_id` is the id of the message, if it has one of its own. A row with `keys` holds several
 * messages: `keys` and `body` are JSON arrays then.
 */
export type OutboxRow = {
  readonly id: number | string
  readonly queue: string
  readonly message_id: string | null
  readonly key: string
  readonly keys?: string | null
  readonly body: string
}

export type OutboxRelay = {
  /** To be called after rows were committed; without it they wait for the next poll. */
  wake(): void
  /** Waits for the publications in flight; other rows stay in the outbox. */
  stop(): Promise<void>
  /** An upper bound of the number of rows, and the age of the oldest. */
  backlog(): Promise<{ rows: number; oldestAgeMs: number }>
}
