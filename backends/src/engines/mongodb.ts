import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import type { Program } from '../processes.ts'
import { postgres, postgresProgram, preparePostgres } from './postgres.ts'

const sources = new URL('ferretdb/', import.meta.url).pathname
const installTimeoutMs = 900_000
const opMessage = 2013

export const mongodb: Engine = {
  name: 'mongodb',
  title: 'MongoDB',
  native:
    'FerretDB built with Go, on a PostgreSQL of its own, a stand-in for MongoDB: no transactions, no TTL indexes',
  ports: [17017, 17018],
  missingPackages: () => [...(find('go') === undefined ? ['golang-go'] : []), ...postgres.missingPackages()],
  install,
  prepare: async (place) => {
    mkdirSync(place.folder, { recursive: true })
    await preparePostgres(storage(place), setUp)
  },
  programs: (place) => [postgresProgram(storage(place)), server(place)],
  url: (port) => `mongodb://127.0.0.1:${port}/quintet?directConnection=true`,
  ping: pingMongodb,
}

const setUp = "CREATE ROLE quintet LOGIN PASSWORD 'quintet';\nCREATE DATABASE quintet OWNER quintet;\n"

async function install(tools: string): Promise<void> {
  const installed = join(tools, 'ferretdb.installed')
  const required = ['go.mod', 'main.go'].map((file) => readFileSync(join(sources, file), 'utf8')).join('')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === required) return
  await execute(locate('go'), ['build', '-trimpath', '-o', join(tools, 'ferretdb'), '.'], {
    cwd: sources,
    timeoutMs: installTimeoutMs,
  })
  writeFileSync(installed, required)
}

function server({ folder, tools, ports: [port, storagePort] }: Place): Program {
  return {
    name: 'ferretdb',
    command: join(tools, 'ferretdb'),
    args: ['-listen', `127.0.0.1:${port}`, '-postgres', postgres.url(storagePort ?? 0)],
    cwd: folder,
    ready: () => pingMongodb(new URL(mongodb.url(port))),
  }
}

function storage({ folder, tools, ports: [, port = 0] }: Place): Place {
  return { folder, tools, ports: [port] }
}

/** Sends `hello`, and requires a primary, since other members of a replica set accept no writes. */
async function pingMongodb(url: URL): Promise<void> {
  const response = await exchange(url, {
    standardPort: 27017,
    request: helloCommand(),
    isComplete: (bytes) => bytes.length >= 16 && bytes.length >= bytes.readInt32LE(0),
  })
  if (!response.includes('\x08isWritablePrimary\0\x01', 0, 'latin1'))
    throw new Error(`${url.host} accepts no writes: it is not a primary`)
}

/** The command `{hello: 1, $db: 'admin'}` in the wire protocol. */
function helloCommand(): Buffer {
  const elements = Buffer.from('\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0', 'latin1')
  const bson = Buffer.concat([littleEndian(elements.length + 4), elements])
  const body = Buffer.concat([littleEndian(0), Buffer.from([0]), bson])
  const header = [16 + body.length, 1, 0, opMessage].map(littleEndian)
  return Buffer.concat([...header, body])
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
