import { parseEnv } from 'node:util'
import { fileReason, readListFile } from '../files/index.ts'
import type { Settings } from './settings.ts'

/** Reads the environment and the `.env` file, which need not exist; the environment wins. An empty text counts as not set. */
export function readSettings(environment: NodeJS.ProcessEnv, envFile = '.env'): Settings {
  const settings = new Map<string, { value: string; source: 'environment' | '.env' }>()
  for (const [name, value] of Object.entries(parseEnv(readEnvFile(envFile).text)))
    if (value) settings.set(name, { value, source: '.env' })
  for (const [name, value] of Object.entries(environment))
    if (value && !isServiceLink(name, value)) settings.set(name, { value, source: 'environment' })
  return settings
}

/** What is wrong with a line, and the setting that it is for, whose value is not what was meant; empty where it is for none. */
type EnvFileFault = { readonly sentence: string; readonly setting: string }

/**
 * A fault for each line of the `.env` file that `parseEnv` silently ignores, replaces or cuts off. No sentence shows a value, which
 * may be a secret.
 */
export function envFileFaults(envFile = '.env'): EnvFileFault[] {
  const { text, fault: unreadable } = readEnvFile(envFile)
  if (unreadable !== undefined) return [{ sentence: unreadable, setting: '' }]
  const lines = text.split(/\r?\n|\r/)
  const faults: EnvFileFault[] = []
  const lineOf = new Map<string, number>()
  for (let index = 0; index < lines.length; index++) {
    const { fault: own, linesMore = 0 } = examineLine(lines, index)
    const name = assignment.exec(lines[index] ?? '')?.[1] ?? ''
    const earlier = lineOf.get(name)
    const fault = own ?? (earlier === undefined ? undefined : `sets ${name} again, after line ${earlier}`)
    if (name !== '') lineOf.set(name, index + 1)
    if (fault !== undefined)
      faults.push({ sentence: `Line ${index + 1} of ${envFile} ${fault}.`, setting: name })
    index += linesMore
  }
  return faults
}

const assignment = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/
const startOfAssignment = /^\s*(?:export\s+)?[A-Z][A-Z0-9_]*=[^=]/

/** What is wrong with the line, and how many more lines its value takes. */
function examineLine(lines: readonly string[], index: number): { fault?: string; linesMore?: number } {
  const line = lines[index] ?? ''
  if (/^\s*(?:#|$)/.test(line)) return {}
  const text = assignment.exec(line)?.[2]?.trimStart()
  if (text === undefined) return { fault: `is not NAME=value${nameIn(line)}` }
  const quote = text.slice(0, 1)
  if (quote !== '' && '"\'`'.includes(quote)) return examineQuoted(lines, index, text)
  if (/[^\s]#/.test(text)) return { fault: 'has a # in its value, where a comment begins: quote the value' }
  return {}
}

/** A quoted value may have several lines; where another setting begins in it, its closing quote is missing. */
function examineQuoted(
  lines: readonly string[],
  index: number,
  text: string,
): { fault?: string; linesMore?: number } {
  const unclosed = { fault: `opens a ${text[0]} that it does not close` }
  let rest = text.slice(1)
  for (let linesMore = 0; ; linesMore++) {
    const end = rest.indexOf(text[0] ?? '')
    if (end >= 0)
      return /^\s*(?:#|$)/.test(rest.slice(end + 1))
        ? { linesMore }
        : { fault: 'has text after its closing quote', linesMore }
    const next = lines[index + linesMore + 1]
    if (next === undefined || startOfAssignment.test(next)) return unclosed
    rest = next
  }
}

/** The name of the setting that the line is for, where it cannot be part of a value. */
function nameIn(line: string): string {
  const name = /^\s*(?:export\s+)?([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b[^=]*$/.exec(line)?.[1]
  return name === undefined ? '' : `, as in ${name}=…`
}

/**
 * Whether Kubernetes has set the variable to link a service of its own: for one called `guid` it sets `GUID_PORT=tcp://…`,
 * `GUID_SERVICE_HOST`, `GUID_PORT_8888_TCP_ADDR` and others, unless the pod has `enableServiceLinks: false`. Docker's links
 * do the same.
 */
function isServiceLink(name: string, value: string): boolean {
  if (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)) return true
  return /_SERVICE_(?:HOST$|PORT$|PORT_)|_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:$|_(?:PROTO|PORT|ADDR)$)/.test(name)
}

/** The text, which is empty where there is no file, or a sentence that says why it cannot be read. */
function readEnvFile(path: string): { text: string; fault?: string } {
  try {
    // Some editors start a file with a byte order mark, which would become part of the first name.
    return { text: readListFile(path).replace(/^\uFEFF/, '') }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { text: '' }
    const reason = fileReason(error) ?? 'cannot be read'
    return { text: '', fault: `${path} ${reason}: it must be a file of lines NAME=value.` }
  }
}
