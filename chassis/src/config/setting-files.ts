import { fileReason, readBoundedFile } from '../files/index.ts'
import type { Settings } from './settings.ts'

/** More than any secret, and little enough to read a file that was named by mistake. */
const fileBytesMax = 65_536

/** The setting that names a file with the value of another one. */
export function fileSettingOf(name: string): string {
  return `${name}_FILE`
}

/** The value of a setting from the file that `setting` names, or what is wrong with that. */
export type FileValue = {
  readonly setting: string
  readonly path: string
  readonly text: string
  readonly fault?: string
}

/** By settings, so that each file is read once and all that is done with them has the same value. */
const valuesRead = new WeakMap<Settings, Map<string, FileValue>>()

/** The value of a setting that is given by a file, as Docker and Kubernetes hand over secrets; undefined if no file is named. */
export function fileValueOf(settings: Settings, name: string): FileValue | undefined {
  const setting = fileSettingOf(name)
  const path = settings.get(setting)?.value
  if (path === undefined) return undefined
  const known = valuesRead.get(settings) ?? new Map<string, FileValue>()
  valuesRead.set(settings, known)
  const value = known.get(name) ?? { setting, path, ...read(setting, path, name) }
  known.set(name, value)
  if (!settings.has(name)) return value
  return { ...value, fault: `${name} and ${setting} are both set; remove one of them.` }
}

function read(setting: string, path: string, name: string): { text: string; fault?: string } {
  const refused = (fault: string) => ({ text: '', fault: `${setting}, ${path}, ${fault}.` })
  try {
    const bytes = readBoundedFile(path, fileBytesMax)
    // Programs that write a text end it with a line break, and some begin it with a byte order mark.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' ? refused('is empty') : { text }
  } catch (error) {
    const reason = fileReason(error)
    return refused(
      reason === undefined ? 'is not UTF-8' : `${reason}: it must be a file with the value of ${name}`,
    )
  }
}
