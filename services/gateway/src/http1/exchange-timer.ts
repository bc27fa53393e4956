import type { Socket } from 'node:net'
import { establishedEvent } from './open-socket.ts'

/** A timer of Node, or one that a test controls. */
type Timer = { refresh(): unknown; close(): unknown }

/** Calls back once after this time, as `setTimeout` does. */
export type StartTimer = (callback: () => void, ms: number) => Timer

type Timeouts = {
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
  readonly stallTimeoutMs: number
  readonly startTimer?: StartTimer
}

/** The timer of one connection: until it is established, then for each step of the upstream, or of the client while paused. */
export function createExchangeTimer(socket: Socket, timeouts: Timeouts, onTimeout: () => void) {
  const { startTimer = setTimeout } = timeouts
  let waitMs = timeouts.timeoutMs
  let phase: 'connecting' | 'waiting' | 'paused' = 'connecting'
  let timer = startTimer(onTimeout, timeouts.connectTimeoutMs)
  socket.on(establishedEvent(socket), () => enter('waiting', waitMs))
  socket.on('close', () => timer.close())

  function enter(next: typeof phase, ms: number): void {
    phase = next
    timer.close()
    timer = startTimer(onTimeout, ms)
  }

  return {
    isConnecting: () => phase === 'connecting',
    isPaused: () => phase === 'paused',
    /** Waits from now on; has no effect until the connection is established. */
    refresh(): void {
      if (phase !== 'connecting') timer.refresh()
    },
    /** Waits for the client, until `resume`. */
    pause(): void {
      if (phase !== 'paused') enter('paused', timeouts.stallTimeoutMs)
    },
    resume(): void {
      if (phase === 'paused') enter('waiting', waitMs)
    },
    /** Waits for each further step of this exchange for another time. */
    allow(ms: number): void {
      waitMs = ms
      if (phase === 'waiting') enter('waiting', ms)
    },
    /** The exchange is over. */
    reset(): void {
      const isChanged = phase === 'paused' || waitMs !== timeouts.timeoutMs
      waitMs = timeouts.timeoutMs
      if (isChanged && phase !== 'connecting' && !socket.destroyed) enter('waiting', waitMs)
    },
  }
}
