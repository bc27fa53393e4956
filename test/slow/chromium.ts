import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The program of Chromium or Chrome in PATH; undefined where there is none. */
export const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((file) => existsSync(file))
