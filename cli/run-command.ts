import { ConfigError, didYouMean, enterRepository } from '@quintet/chassis/config'
import { operatorMessage } from '@quintet/chassis/errors'
import { queueCommandUsage, queueOptions } from '@quintet/chassis/queue'
import { serviceNames } from '@quintet/contracts/topology'
import { audit, auditOptions, auditUsage } from './audit.ts'
import { backup, backupOptions, backupUsage } from './backup.ts'
import { certificates, certificatesUsage } from './certificates.ts'
import { config, configOptions, configUsage } from './config.ts'
import { derive, deriveUsage } from './derive.ts'
import { doctor, doctorUsage } from './doctor.ts'
import { events, eventsOptions, eventsUsage } from './events.ts'
import { limits, limitsOptions, limitsUsage } from './limits.ts'
import { issuer, issuerOptions, issuerUsage } from './issuer.ts'
import { keys, keysOptions, keysUsage } from './keys.ts'
import { make, makeServiceOptions, makeServiceUsage } from './make/make-service.ts'
import { migrate, migrateUsage } from './migrate.ts'
import { optionsTakenByNpm } from './npm-options.ts'
import { queue } from './queue.ts'
import { quintetVersion } from './quintet-version.ts'
import { restore, restoreOptions, restoreUsage } from './restore.ts'
import { servicesCommand, servicesOptions, servicesUsage } from './services-command.ts'
import { start, startOptions, startUsage } from './start.ts'
import { tls, tlsUsage } from './tls.ts'
import { traces, tracesOptions, tracesUsage } from './traces.ts'
import { ArgumentError, requireNoArguments, UsageError } from './usage-error.ts'

type Command = {
  readonly usage: string
  /** As `parseArgs` takes them. */
  readonly options?: Readonly<Record<string, unknown>>
  run(words: readonly string[]): Promise<void>
}

const commands: Readonly<Record<string, Command>> = {
  start: { usage: startUsage, options: startOptions, run: start },
  services: { usage: servicesUsage, options: servicesOptions, run: servicesCommand },
  doctor: { usage: doctorUsage, run: doctor },
  config: { usage: configUsage, options: configOptions, run: config },
  migrate: { usage: migrateUsage, run: migrate },
  backup: { usage: backupUsage, options: backupOptions, run: backup },
  restore: { usage: restoreUsage, options: restoreOptions, run: restore },
  certificates: { usage: certificatesUsage, run: certificates },
  queue: { usage: queueCommandUsage, options: queueOptions, run: queue },
  events: { usage: eventsUsage, options: eventsOptions, run: events },
  traces: { usage: tracesUsage, options: tracesOptions, run: traces },
  limits: { usage: limitsUsage, options: limitsOptions, run: limits },
  keys: { usage: keysUsage, options: keysOptions, run: keys },
  audit: { usage: auditUsage, options: auditOptions, run: audit },
  issuer: { usage: issuerUsage, options: issuerOptions, run: issuer },
  tls: { usage: tlsUsage, run: tls },
  make: { usage: makeServiceUsage, options: makeServiceOptions, run: make },
  derive: { usage: deriveUsage, run: derive },
  help: {
    usage: '  quintet help [command]                    print this, or the usage of one command\n',
    run: help,
  },
  version: {
    usage: '  quintet version                           print the versions of Quintet and Node\n',
    run: version,
  },
}

/** Runs the subcommand. Invalid settings or arguments, and faults of the system or of an engine, end it with exit code 1 and a message. */
export async function runCommand([first = 'help', ...words]: readonly string[]): Promise<void> {
  const name = aliases.get(first) ?? first
  let usage = ''
  try {
    if (name !== 'start') endWithReader()
    const command = commandNamed(name)
    usage = command.usage
    enterRepository()
    if (words.some((word) => aliases.get(word) === 'help')) return print(usage)
    const taken = optionsTakenByNpm(Object.keys(command.options ?? {}), process.env)
    if (taken.length > 0)
      throw new ArgumentError(`npm has taken ${taken.join(' and ')} for itself. ${aboutNpm}`)
    await command.run(words)
  } catch (error) {
    const isInput = error instanceof ConfigError || error instanceof UsageError
    const message = isInput ? error.message : operatorMessage(error)
    if (message === undefined) throw error
    process.stderr.write(`${message.trimEnd()}\n`)
    if (error instanceof ArgumentError) process.stderr.write(`\n${usage.trimEnd().replace(/^\n/, '')}\n`)
    process.exitCode = 1
  }
}

const aliases: ReadonlyMap<string, string> = new Map([
  ['-h', 'help'],
  ['--help', 'help'],
  ['-v', 'version'],
  ['--version', 'version'],
])

const aboutNpm = 'Options follow a --, as in: npm run quintet -- events --no-follow'

function commandNamed(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined)
    throw new UsageError(
      `"${name}" is not a command.${didYouMean(name, Object.keys(commands))}\n\n${wholeUsage()}`,
    )
  return command
}

async function help([name, ...rest]: readonly string[]): Promise<void> {
  if (rest.length > 0) throw new UsageError('Help is given on one command: quintet help <command>')
  print(name === undefined ? wholeUsage() : commandNamed(name).usage)
}

async function version(words: readonly string[]): Promise<void> {
  requireNoArguments('version', words)
  print(`quintet ${quintetVersion()}, Node ${process.version}\n`)
}

function wholeUsage(): string {
  const usages = Object.values(commands).map(({ usage }) => usage)
  return `quintet: services behind one gateway

${usages.join('')}
Services: ${serviceNames.join(', ')}; and console, for start
With npm: npm run quintet <command>. ${aboutNpm}
`
}

function print(text: string): void {
  process.stdout.write(text)
}

/** Ends this process when the program that reads its output, such as `head`, has ended. */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
}
