import { readFileSync } from 'node:fs'
import type { ConnectionOptions, SASLMechanismValue } from '@platformatic/kafka'
import { ConfigError } from '../../config/index.ts'

/** The brokers, the prefix of topics, and the number of partitions of a new queue. */
type KafkaAddress = {
  readonly brokers: string[]
  readonly connection: Pick<ConnectionOptions, 'tls' | 'sasl' | 'tlsServerName'>
  readonly prefix: string
  readonly partitions: number
}

const partitionsDefault = 12
const partitionsMax = 1_000
const standardPort = 9092
const mechanisms: Readonly<Record<string, SASLMechanismValue>> = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
}
const form =
  /^kafka(?<secure>s?):\/\/(?:(?<user>[^:@/?]+):(?<password>[^@/?]+)@)?(?<hosts>[^@/?]+)(?:\/(?<prefix>[^?]*))?(?:\?(?<parameters>.*))?$/
const host = /^(?:[\w.-]+|\[[\da-fA-F:]+\])(?::\d{1,5})?$/

/**
 * Parses `kafka://user:password@host:9092,host:9092/prefix?partitions=12`, which by the standard is not a URL, since it has
 * several hosts. Throws an error with all faults, without the password.
 */
export function parseKafkaUrl(url: string): KafkaAddress {
  const { secure, user, password, hosts = '', prefix = '', parameters } = form.exec(url)?.groups ?? {}
  if (hosts === '')
    throw new ConfigError([
      'The URL of Kafka must look like kafka://user:password@host:9092,host:9092/prefix.',
    ])
  const query = new URLSearchParams(parameters)
  const brokers = hosts.split(',')
  const partitions = Number(query.get('partitions') ?? partitionsDefault)
  const mechanism = query.get('sasl') ?? 'scram-sha-512'
  const faults = [
    ...brokers.filter((one) => !host.test(one)).map((one) => `"${one}" is not a host and a port.`),
    ...(/^[\w.-]{0,100}$/.test(prefix) ? [] : ['The prefix may have letters, digits, ".", "_" and "-".']),
    ...(Number.isInteger(partitions) && partitions >= 1 && partitions <= partitionsMax
      ? []
      : [`partitions must be a whole number from 1 to ${partitionsMax}.`]),
    ...(mechanism in mechanisms ? [] : [`sasl must be one of ${Object.keys(mechanisms).join(', ')}.`]),
    ...(['true', 'false'].includes(query.get('tls') ?? 'true') ? [] : ['tls must be true or false.']),
    ...[...query.keys()].filter((name) => !known.has(name)).map((name) => `"${name}" is not a parameter.`),
  ]
  if (faults.length > 0) throw new ConfigError([`The URL of Kafka is invalid: ${faults.join(' ')}`])
  return {
    brokers: brokers.map((one) => (/:\d+$/.test(one) ? one : `${one}:${standardPort}`)),
    connection: {
      ...((secure === 's' || query.get('tls') === 'true') && {
        tls: caOf(query.get('ca')),
        tlsServerName: true,
      }),
      ...(user !== undefined && {
        sasl: {
          mechanism: mechanisms[mechanism] ?? 'SCRAM-SHA-512',
          username: decodeURIComponent(user),
          password: decodeURIComponent(password ?? ''),
        },
      }),
    },
    prefix,
    partitions,
  }
}

const known = new Set(['partitions', 'sasl', 'tls', 'ca'])

/** The file has the certificate of an authority that the system does not trust already. */
function caOf(file: string | null): { ca?: Buffer } {
  return file === null ? {} : { ca: readFileSync(file) }
}
