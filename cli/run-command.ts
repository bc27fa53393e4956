import { ConfigError, enterRepository } from '@quintet/chassis/config'
import { operatorMessage } from '@quintet/chassis/errors'
import { queueCommandUsage } from '@quintet/chassis/queue'
import { serviceNames } from '@quintet/contracts/topology'
import { certificates } from './certificates.ts'
import { config } from './config.ts'
import { derive } from './derive.ts'
import { doctor } from './doctor.ts'
import { events, eventsUsage } from './events.ts'
import { make, makeServiceUsage } from './make/make-service.ts'
import { migrate, migrateUsage } from './migrate.ts'
import { queue } from './queue.ts'
import { start } from './start.ts'
import { UsageError } from './usage-error.ts'

const usage = `quintet: services behind one gateway

  quintet start [service…]                  start these services in this process; all of them when none is named
  quintet doctor [service…]                 examine the engines, and report settings that weaken a guarantee
  quintet config                            print the effective settings, and the source of each${migrateUsage}  quintet certificates rewrap               move all private keys to the current key-encryption key
${queueCommandUsage}${eventsUsage}${makeServiceUsage}  quintet derive                            update every file that is derived from contracts/src/topology.ts

Services: ${serviceNames.join(', ')}
`

const commands: Readonly<Record<string, (words: readonly string[]) => Promise<void>>> = {
  start,
  doctor,
  config,
  migrate,
  certificates,
  queue,
  events,
  derive,
  make,
  help: async () => {
    process.stdout.write(usage)
  },
}

/** Runs the subcommand. Invalid settings or arguments, and faults of the system or of an engine, end it with exit code 1 and a message. */
export async function runCommand([command = 'help', ...words]: readonly string[]): Promise<void> {
  try {
    const run = commands[command.replace(/^--?h(elp)?$/, 'help')]
    if (run === undefined) throw new UsageError(`"${command}" is not a command.\n\n${usage}`)
    enterRepository()
    await run(words)
  } catch (error) {
    const isInput = error instanceof ConfigError || error instanceof UsageError
    const message = isInput ? error.message : operatorMessage(error)
    if (message === undefined) throw error
    process.stderr.write(`${message}\n`)
    process.exitCode = 1
  }
}
