import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange } from '../handshake.ts'
import { makeOwnedFolder } from '../processes.ts'
import type { Program } from '../processes.ts'

const user = 'rabbitmq'
const nodeName = 'quintet@localhost'
const commandTimeoutMs = 30_000
const programFolders = ['/usr/lib/rabbitmq/bin']

export const amqp: Engine = {
  name: 'amqp',
  title: 'RabbitMQ',
  native: "RabbitMQ of Debian's packages",
  ports: [15673, 15674, 15675],
  missingPackages: () => (find('rabbitmq-server', programFolders) === undefined ? ['rabbitmq-server'] : []),
  install: async () => {},
  prepare: async (place) => {
    makeOwnedFolder(join(place.folder, 'data'), user)
    writeFileSync(configFile(place), config(place))
  },
  programs: (place) => [portMapper(place), broker(place)],
  url: (port) => `amqp://quintet:quintet@127.0.0.1:${port}`,
  closeConnections,
  ping: pingAmqp,
}

/** Erlang's port mapper; a private one, so that it ends with the broker and conflicts with no other. */
function portMapper({ ports: [, , port] }: Place): Program {
  return {
    name: 'epmd',
    command: locate('epmd'),
    args: ['-port', String(port)],
    env: { ERL_EPMD_ADDRESS: '127.0.0.1' },
    user,
    ready: async () => {
      const namesRequest = Buffer.from([0, 1, 'n'.charCodeAt(0)])
      await exchange(new URL(`epmd://127.0.0.1:${port}`), {
        standardPort: 4369,
        request: namesRequest,
        isComplete: (response) => response.length >= 4,
      })
    },
  }
}

function broker(place: Place): Program {
  const [port, distributionPort, portMapperPort] = place.ports
  const data = join(place.folder, 'data')
  return {
    name: 'rabbitmq',
    command: locate('rabbitmq-server', programFolders),
    args: [],
    cwd: data,
    env: {
      HOME: data,
      RABBITMQ_NODENAME: nodeName,
      RABBITMQ_MNESIA_BASE: join(data, 'mnesia'),
      RABBITMQ_LOG_BASE: data,
      RABBITMQ_CONFIG_FILE: configFile(place),
      RABBITMQ_CONF_ENV_FILE: join(data, 'no-such-file'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(data, 'enabled_plugins'),
      RABBITMQ_PID_FILE: join(data, 'rabbitmq.pid'),
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(portMapperPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
    },
    user,
    ready: () => pingAmqp(new URL(amqp.url(port))),
  }
}

async function closeConnections(place: Place): Promise<void> {
  const { env = {} } = broker(place)
  await execute(
    locate('rabbitmqctl', programFolders),
    ['--node', nodeName, 'close_all_connections', 'closed by the broker'],
    { env, user, timeoutMs: commandTimeoutMs },
  )
}

function configFile({ folder }: Place): string {
  return join(folder, 'rabbitmq.conf')
}

function config({ ports: [port] }: Place): string {
  return [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'default_user = quintet',
    'default_pass = quintet',
    'log.file = false',
    'log.console = true',
    'disk_free_limit.absolute = 50MB',
    '',
  ].join('\n')
}

/** The broker responds to the protocol header with `connection.start`. */
async function pingAmqp(url: URL): Promise<void> {
  const header = Buffer.from([...Buffer.from('AMQP'), 0, 0, 9, 1])
  const response = await exchange(url, {
    standardPort: 5672,
    request: header,
    isComplete: (bytes) => bytes.length >= 11,
  })
  const start = Buffer.from([0, 10, 0, 10])
  if (!response.subarray(7, 11).equals(start)) throw new Error(`${url.host} is not a server of AMQP 0-9-1`)
}
