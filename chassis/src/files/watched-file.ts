import { statSync } from 'node:fs'
import type { Clock } from '../clock/index.ts'
import { readListFile } from './bounded-file.ts'
import { fileReason } from './file-reason.ts'

/** How often a file is examined at most. */
const checkIntervalMs = 250

export type WatchedFile<T> = {
  /** The content as of the last good state of the file; examines it first, unless that was done just now. */
  current(): T
}

type WatchOptions = {
  readonly clock: Clock
  readonly failed: (error: unknown) => void
  /** Called after each change that could be read. */
  readonly succeeded: () => void
}

/**
 * The content of a file that is read again whenever it changes, also by a link that leads to another one. The first reading throws for a
 * file that cannot be read or parsed; later the last good content stays, and each state that cannot be read is reported to `failed` once.
 * `clock` is for durations.
 */
export function watchFile<T>(
  path: string,
  {
    parse,
    ...options
  }: WatchOptions & {
    /** Throws an error whose message says what is wrong with the text. */
    parse: (text: string) => T
  },
): WatchedFile<T> {
  return watchFiles([path], { ...options, read: () => parse(readListFile(path)) })
}

/** The same for what several files have together. `read` reads them, and throws where they cannot be used. */
export function watchFiles<T>(
  paths: readonly string[],
  { read, clock, failed, succeeded }: WatchOptions & { readonly read: () => T },
): WatchedFile<T> {
  let state: string | undefined = stateOf(paths)
  let content = read()
  let checkedAt = clock.now()

  function check(): void {
    const before = state
    try {
      state = undefined
      state = stateOf(paths)
      if (state === before) return
      content = read()
      succeeded()
    } catch (error) {
      // A file that stays away fails once.
      if (state === undefined && before === undefined) return
      const reason = fileReason(error)
      failed(reason === undefined ? error : new Error(`the file ${reason}`))
    }
  }

  return {
    current() {
      const now = clock.now()
      if (now - checkedAt >= checkIntervalMs) {
        checkedAt = now
        check()
      }
      return content
    },
  }
}

/** Differs whenever the content may. */
function stateOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true })
      return `${dev} ${ino} ${size} ${mtimeNs}`
    })
    .join()
}
