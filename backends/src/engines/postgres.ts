import { existsSync, globSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange, numberBytes } from '../handshake.ts'
import { ownedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'postgres'
const setUpFile = new URL('postgres.sql', import.meta.url)
const preparedWithinMs = 120_000
const protocolVersion = 196_608

export const postgres: Engine = {
  name: 'postgres',
  title: 'PostgreSQL',
  native: "PostgreSQL of Debian's packages",
  ports: [15432],
  missingPackages: () => (find('initdb', programFolders()) === undefined ? ['postgresql'] : []),
  install: async () => {},
  prepare: (place) => preparePostgres(place, readFileSync(setUpFile, 'utf8')),
  programs: (place) => [postgresProgram(place)],
  url: (port) => `postgres://quintet:quintet@127.0.0.1:${port}/quintet`,
  greet: greetPostgres,
}

/**
 * Lays out a store, and runs these statements, one a line, before anybody can connect: roles need no superuser with a
 * password. The store gets its place when all of that is done.
 */
export async function preparePostgres({ folder }: Place, statements: string): Promise<void> {
  const store = join(folder, 'data')
  if (existsSync(store)) return
  const parent = ownedFolder(join(folder, 'making'), user)
  const made = join(parent, 'data')
  const options = { user, cwd: parent, timeoutMs: preparedWithinMs }
  rmSync(made, { recursive: true, force: true })
  const layout = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8']
  const passwordless = ['--auth-local=reject', '--auth-host=scram-sha-256']
  await execute(
    locate('initdb', programFolders()),
    ['-D', made, ...layout, ...passwordless, '--no-sync'],
    options,
  )
  await execute(locate('postgres', programFolders()), ['--single', '-D', made, 'postgres'], {
    ...options,
    input: statements,
  })
  renameSync(made, store)
  rmSync(parent, { recursive: true })
}

/** With the settings that durable answers need: `fsync` and `synchronous_commit` stay on, as they are by default. */
export function postgresProgram({ folder, ports: [port] }: Place): Program {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    fsync: 'on',
    synchronous_commit: 'on',
  }
  return {
    name: 'postgres',
    command: locate('postgres', programFolders()),
    args: [
      '-D',
      join(folder, 'data'),
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    user,
    stopSignal: 'SIGINT',
    ready: () => greetPostgres(new URL(postgres.url(port))),
  }
}

/** It asks for the password, or says why it takes nobody yet. */
async function greetPostgres(url: URL): Promise<void> {
  const parameters = Buffer.from(`user\0${url.username || 'postgres'}\0\0`)
  const body = Buffer.concat([numberBytes(protocolVersion), parameters])
  const answer = await exchange(url, {
    standardPort: 5432,
    hello: Buffer.concat([numberBytes(body.length + 4), body]),
    complete: (bytes) => bytes.length >= 5 && bytes.length > bytes.readUInt32BE(1),
  })
  if (answer.toString('latin1', 0, 1) !== 'R') throw new Error(`${url.host} refuses: ${textOf(answer)}`)
}

function textOf(error: Buffer): string {
  return (
    error
      .subarray(5)
      .toString()
      .split('\0')
      .find((field) => field.startsWith('M'))
      ?.slice(1) ?? 'no reason'
  )
}

/** The newest version first; Debian keeps the server's programs out of the way. */
function programFolders(): string[] {
  const found = globSync('/usr/lib/postgresql/*/bin/initdb').map((file) => dirname(file))
  return found.toSorted((one, other) => other.localeCompare(one, 'en', { numeric: true }))
}
