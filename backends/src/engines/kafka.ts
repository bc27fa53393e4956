import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { exchange, bigEndian } from '../handshake.ts'
import type { Program } from '../processes.ts'

const sources = new URL('kafka/', import.meta.url).pathname
const installTimeoutMs = 600_000
const prepareTimeoutMs = 60_000
const javaVersionMin = 17

export const kafka: Engine = {
  name: 'kafka',
  title: 'Apache Kafka',
  native: 'Apache Kafka from its Maven artifacts, one node that is broker and controller (KRaft)',
  ports: [19092, 19093],
  missingPackages: () => [
    ...(find('java') === undefined ? ['default-jre-headless'] : []),
    ...(find('mvn') === undefined ? ['maven'] : []),
  ],
  install,
  prepare,
  programs: (place) => [broker(place)],
  url: (port) => `kafka://127.0.0.1:${port}`,
  ping: pingKafka,
}

async function install(tools: string): Promise<void> {
  const pom = join(sources, 'pom.xml')
  const installed = join(tools, 'kafka', 'installed')
  const required = readFileSync(pom, 'utf8')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === required) return
  await checkJava()
  const words = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime']
  await execute(locate('mvn'), [...words, `-DoutputDirectory=${join(tools, 'kafka', 'lib')}`], {
    timeoutMs: installTimeoutMs,
  })
  writeFileSync(installed, required)
}

async function checkJava(): Promise<void> {
  const printed = await execute(locate('java'), ['--version'], { timeoutMs: prepareTimeoutMs })
  const version = Number(/\b(\d+)(\.\d+)*\b/.exec(printed)?.[1])
  if (!(version >= javaVersionMin))
    throw new Error(`It needs Java ${javaVersionMin} or newer, not ${version}.`)
}

async function prepare(place: Place): Promise<void> {
  mkdirSync(place.folder, { recursive: true })
  writeFileSync(settingsFile(place), settings(place))
  if (existsSync(join(place.folder, 'data', 'meta.properties'))) return
  const cluster = crypto.randomUUID().replaceAll('-', '').slice(0, 22)
  const words = ['-cp', classPath(place), 'kafka.tools.StorageTool', 'format', '--ignore-formatted']
  await execute(locate('java'), [...words, '-t', cluster, '-c', settingsFile(place)], {
    timeoutMs: prepareTimeoutMs,
  })
}

function broker(place: Place): Program {
  return {
    name: 'kafka',
    command: locate('java'),
    args: [
      '-Xms128m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${join(sources, 'log4j2.properties')}`,
      '-cp',
      classPath(place),
      'kafka.Kafka',
      settingsFile(place),
    ],
    ready: () => pingKafka(new URL(kafka.url(place.ports[0]))),
  }
}

function classPath({ tools }: Place): string {
  return join(tools, 'kafka', 'lib', '*')
}

function settingsFile({ folder }: Place): string {
  return join(folder, 'server.properties')
}

/**
 * Topics are not created automatically, so that a misspelt name is an error. One node means replication 1. After a crash the
 * node can register again once its old session has expired, so the session timeout is short.
 */
function settings({ folder, ports: [port, controllerPort], advertisedPort = port }: Place): string {
  const values = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, 'data'),
    'num.partitions': 3,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 500,
  }
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Sends ApiVersions, to which a broker responds once it serves requests. */
async function pingKafka(url: URL): Promise<void> {
  const apiVersions = Buffer.from([0, 18, 0, 0])
  const correlation = bigEndian(0x51_75_69_6e)
  const clientId = Buffer.from([0, 2, ...Buffer.from('up')])
  const request = Buffer.concat([apiVersions, correlation, clientId])
  const response = await exchange(url, {
    standardPort: 9092,
    request: Buffer.concat([bigEndian(request.length), request]),
    isComplete: (bytes) => bytes.length >= 10,
  })
  if (!response.subarray(4, 8).equals(correlation) || response.readInt16BE(8) !== 0)
    throw new Error(`${url.host} is not a server of Kafka's protocol`)
}
