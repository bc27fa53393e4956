import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import type { Program } from '../processes.ts'
import { postgres, postgresProgram, preparePostgres } from './postgres.ts'

const sources = new URL('ferretdb/', import.meta.url).pathname
const installedWithinMs = 900_000
const opMessage = 2013

export const mongodb: Engine = {
  name: 'mongodb',
  title: 'MongoDB',
  native:
    'FerretDB built with Go, on a PostgreSQL of its own, which stands in for MongoDB: no transactions, no TTL indexes',
  ports: [17017, 17018],
  missingPackages: () => [...(find('go') === undefined ? ['golang-go'] : []), ...postgres.missingPackages()],
  install,
  prepare: async (place) => {
    mkdirSync(place.folder, { recursive: true })
    await preparePostgres(storage(place), setUp)
  },
  programs: (place) => [postgresProgram(storage(place)), server(place)],
  url: (port) => `mongodb://127.0.0.1:${port}/quintet?directConnection=true`,
  greet: greetMongodb,
}

const setUp = "CREATE ROLE quintet LOGIN PASSWORD 'quintet';\nCREATE DATABASE quintet OWNER quintet;\n"

async function install(tools: string): Promise<void> {
  const installed = join(tools, 'ferretdb.installed')
  const wanted = ['go.mod', 'main.go'].map((file) => readFileSync(join(sources, file), 'utf8')).join('')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return
  await execute(locate('go'), ['build', '-trimpath', '-o', join(tools, 'ferretdb'), '.'], {
    cwd: sources,
    timeoutMs: installedWithinMs,
  })
  writeFileSync(installed, wanted)
}

function server({ folder, tools, ports: [port, storagePort] }: Place): Program {
  return {
    name: 'ferretdb',
    command: join(tools, 'ferretdb'),
    args: ['-listen', `127.0.0.1:${port}`, '-postgres', postgres.url(storagePort ?? 0)],
    cwd: folder,
    ready: () => greetMongodb(new URL(mongodb.url(port))),
  }
}

function storage({ folder, tools, ports: [, port = 0] }: Place): Place {
  return { folder, tools, ports: [port] }
}

/** A member of a replica set that is no primary takes no writes yet. */
async function greetMongodb(url: URL): Promise<void> {
  const answer = await exchange(url, {
    standardPort: 27017,
    hello: hello(),
    complete: (bytes) => bytes.length >= 16 && bytes.length >= bytes.readInt32LE(0),
  })
  if (!answer.includes('\x08isWritablePrimary\0\x01', 0, 'latin1'))
    throw new Error(`${url.host} takes no writes: it is no primary`)
}

/** The command `{hello: 1, $db: 'admin'}` as its wire protocol has it. */
function hello(): Buffer {
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
