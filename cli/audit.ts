import { verifyAudit } from '@quintet/chassis/audit/verify'
import type { AuditReport } from '@quintet/chassis/audit/verify'
import { ArgumentError, parseArguments, unknownAction, UsageError } from './usage-error.ts'

export const auditUsage = `
  quintet audit verify <file…>              examine the chain of an audit log, the oldest file first; [--kept <hash>] [--chain <name>]
  quintet audit last <file>                 print the hash of the last line, to be kept elsewhere
`

const text = { type: 'string' } as const
export const auditOptions = { kept: text, chain: text }

/** `quintet audit`: examines what services have written to AUDIT_LOG, which need not run. Nothing is changed. */
export async function audit(words: readonly string[]): Promise<void> {
  process.stdout.write(`${await findings(words)}\n`)
}

/** What the command prints; throws a UsageError with what is wrong with the log. */
export async function findings([action, ...words]: readonly string[]): Promise<string> {
  if (action === 'verify') return verify(words)
  if (action === 'last') return last(words)
  throw unknownAction('audit', action, ['verify', 'last'])
}

async function verify(words: readonly string[]): Promise<string> {
  const config = { args: [...words], options: auditOptions, allowPositionals: true }
  const { values, positionals: files } = parseArguments(config)
  if (files.length === 0) throw new ArgumentError('quintet audit verify needs the files of an audit log:')
  if (values.kept !== undefined && !/^[\da-f]{64}$/.test(values.kept))
    throw new ArgumentError('--kept must be a hash of 64 hexadecimal digits.')
  const report = await verifyAudit(files, values)
  throwFault(report)
  const { last, wasKeptFound } = report
  if (last === undefined) throw new UsageError(`${files.join(', ')} has no line of an audit log.`)
  if (!wasKeptFound)
    throw new UsageError(
      `No line has the hash ${values.kept}: the end of the log was cut off, or it is another log.`,
    )
  return sentencesOf(report).join('\n')
}

async function last(words: readonly string[]): Promise<string> {
  const config = { args: [...words], options: { chain: text }, allowPositionals: true }
  const { values, positionals } = parseArguments(config)
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) throw new ArgumentError('quintet audit last needs one file:')
  const report = await verifyAudit([file], values)
  throwFault(report)
  if (report.last === undefined) throw new UsageError(`${file} has no line of an audit log.`)
  return report.last.hash
}

function throwFault({ fault }: AuditReport): void {
  if (fault === undefined) return
  const { file, line, reason, validUpTo } = fault
  const valid = validUpTo === 0 ? 'No line before it is confirmed' : `Valid up to line ${validUpTo}`
  throw new UsageError(`${file}, line ${line}: ${reason}. ${valid}.`)
}

function sentencesOf({ chain, lines, last, isWhole, omitted, tornBytes }: AuditReport): string[] {
  return [
    `Valid up to line ${last?.line} of ${last?.file}: ${lines} lines of ${chain}. The last hash is ${last?.hash}.`,
    isWhole ? '' : 'The chain begins before the first line, in a file that was not given.',
    omitted === 0 ? '' : `The log says that ${omitted} lines were lost.`,
    tornBytes === 0 ? '' : `Behind it are ${tornBytes} bytes of a line that is not finished.`,
  ].filter((sentence) => sentence !== '')
}
