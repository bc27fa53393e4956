/** What happens to something, and how it ends; the same fault may begin again after it has ended. */
export type Fault = {
  readonly name: string
  /** Resolves when the fault has taken effect. */
  begin(): Promise<void>
  /** Resolves when its cause is gone, which takes as long as a restart where something was killed. */
  end(): Promise<void>
}

/** A fault of functions that may be synchronous. One that is over as soon as it has begun has no `end`. */
export function fault(name: string, begin: () => unknown, end: () => unknown = () => {}): Fault {
  return {
    name,
    begin: async () => void (await begin()),
    end: async () => void (await end()),
  }
}
