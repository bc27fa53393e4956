import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import { ownedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'mysql'
const setUpFile = new URL('mysql.sql', import.meta.url)
const preparedWithinMs = 120_000
const greetingOfVersion = 10

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
  greet: greetMysql,
}

async function prepareMysql({ folder }: Place): Promise<void> {
  copyFileSync(setUpFile, join(folder, 'mysql.sql'))
  const store = join(folder, 'data')
  if (existsSync(store)) return
  const parent = ownedFolder(join(folder, 'making'), user)
  const made = join(parent, 'data')
  rmSync(made, { recursive: true, force: true })
  const words = ['--no-defaults', `--datadir=${made}`, '--skip-test-db']
  await execute(locate('mariadb-install-db'), words, { user, cwd: parent, timeoutMs: preparedWithinMs })
  renameSync(made, store)
  rmSync(parent, { recursive: true })
}

/** Its socket is a relative path, which it takes from its store: the whole path could be longer than sockets allow. */
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
    ready: () => greetMysql(new URL(mysql.url(port))),
  }
}

/** The server speaks first. */
async function greetMysql(url: URL): Promise<void> {
  const answer = await exchange(url, {
    standardPort: 3306,
    hello: Buffer.alloc(0),
    complete: (bytes) => bytes.length > 4,
  })
  if (answer[4] !== greetingOfVersion)
    throw new Error(`${url.host} refuses: ${answer.subarray(7).toString()}`)
}
