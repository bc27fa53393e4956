import { accessSync, constants, statSync } from 'node:fs'
import {
  dynamodbContradictions,
  kafkaContradictions,
  mongodbContradictions,
  postgresContradictions,
} from './url-contradictions.ts'
import type { Contradiction } from './url-contradictions.ts'
import { readWholeNumber } from './whole-number.ts'

/** What a URL of an engine may have beside user and password. */
export type Engine = EngineParameters & {
  readonly hosts: 'one' | 'several' | 'optional'
  /** Whether a user needs a password. */
  readonly needsPassword?: boolean
  readonly path?: { readonly pattern: RegExp; readonly expected: string }
  /** Parts that are valid by themselves and contradict each other. */
  readonly contradictions?: readonly Contradiction[]
}

export type EngineParameters = {
  /** By name. */
  readonly parameters: Readonly<Record<string, Parameter>>
  readonly required?: readonly string[]
  /** What turns TLS on, for error messages; of engines with a server. */
  readonly tls?: string
}

export type Parameter = { readonly expected: string; readonly accepts: (value: string) => boolean }

const oneOf = (...values: string[]): Parameter => ({
  // Only for a message: the first format loads the data of its language, 10 ms of a start.
  get expected() {
    return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values)
  },
  accepts: (value) => values.includes(value),
})
const integer = (minimum: number, maximum: number): Parameter => ({
  expected: `an integer from ${minimum} to ${maximum}`,
  accepts(value) {
    const number = readWholeNumber(value)
    return number !== undefined && number >= minimum && number <= maximum
  },
})
const text: Parameter = { expected: 'a text', accepts: (value) => value !== '' }
const file: Parameter = { expected: 'the name of a file that can be read', accepts: isReadable }
const boolean = oneOf('true', 'false')
/** 0 would be no limit. With a long one a statement could take effect when the markers of its write in the cache have expired. */
const timeoutMs = integer(1, 10_000)

const database = {
  pattern: /^\/[^/]+$/,
  expected: 'a URL that names a database, as in engine://user:password@host/database',
}

/** https://node-postgres.com/apis/client and pg-connection-string. */
const postgres: Engine = {
  hosts: 'optional',
  path: database,
  parameters: {
    sslmode: oneOf('disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'),
    ssl: oneOf('true', '1', '0', 'no-verify'),
    sslcert: file,
    sslkey: file,
    sslrootcert: file,
    sslnegotiation: oneOf('postgres', 'direct'),
    uselibpqcompat: boolean,
    host: text,
    port: integer(1, 65_535),
    user: text,
    password: text,
    application_name: text,
    fallback_application_name: text,
    // In another one, texts would be damaged.
    client_encoding: oneOf('UTF8', 'utf8', 'UTF-8', 'utf-8'),
    options: text,
    statement_timeout: timeoutMs,
    lock_timeout: timeoutMs,
    query_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs,
  },
  tls: 'sslmode=verify-full',
  contradictions: postgresContradictions,
}

const mysql: Engine = { hosts: 'one', path: database, parameters: { tls: boolean }, tls: 'tls=true' }

/** https://www.mongodb.com/docs/manual/reference/connection-string-options/ */
const mongodb: Engine = {
  hosts: 'several',
  path: database,
  parameters: {
    tls: boolean,
    ssl: boolean,
    tlsCAFile: file,
    tlsCertificateKeyFile: file,
    tlsCertificateKeyFilePassword: text,
    tlsCRLFile: file,
    tlsInsecure: boolean,
    tlsAllowInvalidCertificates: boolean,
    tlsAllowInvalidHostnames: boolean,
    authSource: text,
    authMechanism: text,
    authMechanismProperties: text,
    replicaSet: text,
    directConnection: boolean,
    loadBalanced: boolean,
    srvServiceName: text,
    srvMaxHosts: integer(0, 1_000),
    appName: text,
    compressors: text,
    zlibCompressionLevel: integer(0, 9),
    heartbeatFrequencyMS: integer(500, 60_000),
    serverMonitoringMode: oneOf('auto', 'poll', 'stream'),
    localThresholdMS: integer(0, 60_000),
    // What the service itself chooses; URLs of hosted databases have these by default.
    retryWrites: boolean,
    retryReads: boolean,
    w: oneOf('majority'),
    journal: oneOf('true'),
    readConcernLevel: oneOf('majority'),
    readPreference: oneOf('primary'),
  },
  contradictions: mongodbContradictions,
  tls: 'tls=true',
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html */
const dynamodb: Engine = {
  hosts: 'optional',
  needsPassword: true,
  path: {
    pattern: /^\/[\w.-]{3,255}$/,
    expected:
      'a URL that names a table of 3 to 255 letters, digits, "_", "-" and ".", as in dynamodb:///table?region=eu-west-1',
  },
  parameters: {
    region: {
      expected: 'a region such as eu-west-1',
      accepts: (value) => /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/.test(value),
    },
    tls: boolean,
  },
  required: ['region'],
  tls: 'no parameter, since it is on without tls=false',
  contradictions: dynamodbContradictions,
}

/** https://github.com/redis/node-redis: it ignores parameters. */
const redis: Engine = {
  hosts: 'one',
  path: { pattern: /^(?:\/\d{0,5})?$/, expected: 'a URL whose path, if any, is the number of a database' },
  parameters: {},
  tls: 'the scheme rediss:',
}

/** https://amqp-node.github.io/amqplib/channel_api.html#connect */
const amqp: Engine = {
  hosts: 'one',
  path: {
    pattern: /^(?:\/[^/]*)?$/,
    expected: 'a URL whose path, if any, is a virtual host, with %2F for /',
  },
  parameters: {
    // Two missed ones end a connection whose other side is silent; 0 would turn that off.
    heartbeat: integer(1, 60),
    // More than a process opens, and as RabbitMQ requires.
    channelMax: integer(16, 65_535),
    frameMax: integer(8_192, 4_294_967_295),
    locale: text,
  },
  tls: 'the scheme amqps:',
}

const kafka: Engine = {
  hosts: 'several',
  needsPassword: true,
  path: {
    pattern: /^(?:\/[\w.-]{0,100})?$/,
    expected: 'a URL whose path, if any, is a prefix of at most 100 letters, digits, ".", "_" and "-"',
  },
  parameters: {
    partitions: integer(1, 1_000),
    sasl: oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
    tls: boolean,
    ca: file,
  },
  tls: 'tls=true',
  contradictions: kafkaContradictions,
}

/** The cache in memory, whose URL has nothing but these. */
export const memory: EngineParameters = {
  parameters: { entries: integer(1, 10_000_000), bytes: integer(1_024, 1_024 ** 4) },
}

/** By scheme, the engines with a server. */
export const engines: ReadonlyMap<string, Engine> = new Map([
  ['postgres:', postgres],
  ['postgresql:', postgres],
  ['mysql:', mysql],
  ['mariadb:', mysql],
  ['mongodb:', mongodb],
  ['mongodb+srv:', mongodb],
  ['dynamodb:', dynamodb],
  ['redis:', redis],
  ['rediss:', redis],
  ['amqp:', amqp],
  ['amqps:', amqp],
  ['kafka:', kafka],
  ['kafkas:', { ...kafka, tls: 'no parameter, since the scheme turns it on' }],
])

function isReadable(name: string): boolean {
  try {
    accessSync(name, constants.R_OK)
    return statSync(name).isFile()
  } catch {
    return false
  }
}
