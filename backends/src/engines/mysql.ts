import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import { makeOwnedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'mysql'
const setUpFile = new URL('mysql.sql', import.meta.url)
const prepareTimeoutMs = 120_000
const protocolVersion = 10

export const mysql: Engine = {
  name: 'mysql',
  title: 'MySQL',
  native: "MariaDB of Debian's packages, which has no MySQL",
  ports: [13306],
  missingPackages: () => (find('mariadbd') === undefined ? ['mariadb-server'] : []),
  install: async () => {},
  prepare: prepareMysql,
  programs: (place) => [mysqlProgram(place)],
  url: (port) => `mysql://quintet:quintet@127.0.0.1:${port}/quintet`,
  ping: pingMysql,
}

async function prepareMysql({ folder }: Place): Promise<void> {
  copyFileSync(setUpFile, join(folder, 'mysql.sql'))
  const data = join(folder, 'data')
  if (existsSync(data)) return
  const parent = makeOwnedFolder(join(folder, 'initializing'), user)
  const newData = join(parent, 'data')
  rmSync(newData, { recursive: true, force: true })
  const words = ['--no-defaults', `--datadir=${newData}`, '--skip-test-db']
  await execute(locate('mariadb-install-db'), words, { user, cwd: parent, timeoutMs: prepareTimeoutMs })
  renameSync(newData, data)
  rmSync(parent, { recursive: true })
}

/** The path of the socket is relative to the data folder, since an absolute one could exceed the limit for sockets. */
function mysqlProgram({ folder, ports: [port] }: Place): Program {
  return {
    name: 'mysql',
    command: locate('mariadbd'),
    args: [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      `--init-file=${join(folder, 'mysql.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--socket=mysql.sock',
      '--pid-file=mysql.pid',
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      '--max-connections=300',
      '--innodb-flush-log-at-trx-commit=1',
    ],
    user,
    ready: () => pingMysql(new URL(mysql.url(port))),
  }
}

/** Reads the server's greeting; in this protocol the server sends first. */
async function pingMysql(url: URL): Promise<void> {
  const response = await exchange(url, {
    standardPort: 3306,
    request: Buffer.alloc(0),
    isComplete: (bytes) => bytes.length > 4,
  })
  if (response[4] !== protocolVersion)
    throw new Error(`${url.host} rejects the connection: ${response.subarray(7).toString()}`)
}
