import { setTimeout as pause } from 'node:timers/promises'

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

/** Something momentary that happens when the fault begins, and again each `everyMs` until it ends; attempts that fail are left out. */
export function repeatedly(name: string, everyMs: number, act: () => unknown): Fault {
  let isOver = true
  let last: Promise<void> = Promise.resolve()
  const attempt = async () => void (await act())

  async function repeat(): Promise<void> {
    for (;;) {
      await pause(everyMs, undefined, { ref: false })
      if (isOver) return
      await attempt().catch(() => {})
    }
  }

  return {
    name,
    async begin() {
      await attempt()
      isOver = false
      last = repeat()
    },
    async end() {
      isOver = true
      await last
    },
  }
}
