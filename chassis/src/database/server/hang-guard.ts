import { TimeoutError } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'

/** So many sessions whose statements do not end are enough to find out when they do. */
const hangingMax = 4
const countTtlMs = 300

type HangGuard = {
  /** Runs the work, unless statements hang: then it rejects with `dependency_down`, and nothing was sent. */
  run<R>(work: () => Promise<R>): Promise<R>
}

/**
 * Keeps commits from a server whose commits hang, as while its synchronous standby is unavailable. The session of each is occupied
 * until the hang ends, though its client has given up, so each attempt would take another one. `countHanging` counts the sessions
 * on the server whose statements have run for longer than their timeout.
 */
export function createHangGuard(countHanging: () => Promise<number>): HangGuard {
  let isSuspected = false
  let countedAt = Number.NEGATIVE_INFINITY
  let counting: Promise<number> | undefined

  /** Once for all callers within a short time; 0 where it fails, so that the next work is attempted. */
  function count(): Promise<number> {
    if (counting === undefined || performance.now() - countedAt > countTtlMs) {
      countedAt = performance.now()
      counting = countHanging()
        .catch(() => 0)
        .then((hanging) => {
          if (hanging === 0) isSuspected = false
          return hanging
        })
    }
    return counting
  }

  return {
    async run(work) {
      if (isSuspected && (await count()) >= hangingMax)
        throw dependencyDown('Earlier changes on the database server do not end.')
      try {
        return await work()
      } catch (error) {
        if (error instanceof TimeoutError) isSuspected = true
        throw error
      }
    },
  }
}
