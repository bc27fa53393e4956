import { existsSync, globSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange, bigEndian } from '../handshake.ts'
import { makeOwnedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'postgres'
const setUpFile = new URL('postgres.sql', import.meta.url)
const prepareTimeoutMs = 120_000
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
  ping: pingPostgres,
}

/**
 * Initializes a data folder, and executes these statements, one per line, before clients can connect, so that no superuser needs
 * a password. The folder is renamed to its place when it is complete.
 */
export async function preparePostgres({ folder }: Place, statements: string): Promise<void> {
  const data = join(folder, 'data')
  if (existsSync(data)) return
  const parent = makeOwnedFolder(join(folder, 'initializing'), user)
  const newData = join(parent, 'data')
  const options = { user, cwd: parent, timeoutMs: prepareTimeoutMs }
  rmSync(newData, { recursive: true, force: true })
  const layout = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8']
  const passwordless = ['--auth-local=reject', '--auth-host=scram-sha-256']
  await execute(
    locate('initdb', programFolders()),
    ['-D', newData, ...layout, ...passwordless, '--no-sync'],
    options,
  )
  await execute(locate('postgres', programFolders()), ['--single', '-D', newData, 'postgres'], {
    ...options,
    input: statements,
  })
  renameSync(newData, data)
  rmSync(parent, { recursive: true })
}

/** `fsync` and `synchronous_commit` are on, which durability requires; they are on by default as well. */
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
    ready: () => pingPostgres(new URL(postgres.url(port))),
  }
}

/** Sends a startup message; the server responds with an authentication request, or with the reason to reject it. */
async function pingPostgres(url: URL): Promise<void> {
  const parameters = Buffer.from(`user\0${url.username || 'postgres'}\0\0`)
  const body = Buffer.concat([bigEndian(protocolVersion), parameters])
  const response = await exchange(url, {
    standardPort: 5432,
    request: Buffer.concat([bigEndian(body.length + 4), body]),
    isComplete: (bytes) => bytes.length >= 5 && bytes.length > bytes.readUInt32BE(1),
  })
  if (response.toString('latin1', 0, 1) !== 'R')
    throw new Error(`${url.host} rejects the connection: ${textOf(response)}`)
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

/** Debian's folders for the server's programs, which are not in PATH; the newest version first. */
function programFolders(): string[] {
  const found = globSync('/usr/lib/postgresql/*/bin/initdb').map((file) => dirname(file))
  return found.toSorted((one, other) => other.localeCompare(one, 'en', { numeric: true }))
}
