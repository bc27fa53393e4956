import type { DatabaseSync } from 'node:sqlite'
import { createForgetting } from './forgetting.ts'
import { createHistoryStore } from './history.ts'
import type { HistoryStore } from './history.ts'
import { openTelemetryDatabase } from './schema.ts'
import { createSeriesStore } from './series.ts'
import type { SeriesStore } from './series.ts'
import { createTelemetryStore } from './store.ts'
import type { TelemetryStore } from './store.ts'

export { isTemporary } from './schema.ts'

/** The file of telemetry with all that is in it, for a program that looks at it and adds to it. It blocks the thread that it is used in. */
export type TelemetryFile = TelemetryStore & SeriesStore & HistoryStore

/** Opens the file; `:memory:` is one of this program alone. */
export function openTelemetryFile(
  path: string,
  { bytesMax, now }: { readonly bytesMax: number; readonly now: () => number },
): TelemetryFile {
  return telemetryFileOf(openTelemetryDatabase(path, bytesMax), now)
}

function telemetryFileOf(db: DatabaseSync, now: () => number): TelemetryFile {
  const { write } = createForgetting(db)
  return {
    ...createTelemetryStore(db),
    ...createSeriesStore(db, { now, write }),
    ...createHistoryStore(db, write),
  }
}
