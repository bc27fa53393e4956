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
const standardPort = 9092
const mechanisms: Readonly<Record<string, SASLMechanismValue>> = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
}
const form =
  /^kafka(?<secure>s?):\/\/(?:(?<user>[^:@/?]+):(?<password>[^@/?]+)@)?(?<hosts>[^@/?]+)(?:\/(?<prefix>[^?]*))?(?:\?(?<parameters>.*))?$/

/**
 * Parses `kafka://user:password@host:9092,host:9092/prefix?partitions=12`, which by the standard is not a URL, since it has
 * several hosts. The hosts, prefix and parameters are checked with the settings. Throws a ConfigError on any other form.
 */
export function parseKafkaUrl(url: string): KafkaAddress {
  const { secure, user, password, hosts = '', prefix = '', parameters } = form.exec(url)?.groups ?? {}
  if (hosts === '')
    throw new ConfigError(['EVENTS_URL must look like kafka://user:password@host:9092,host:9092/prefix.'])
  const query = new URLSearchParams(parameters)
  const brokers = hosts.split(',')
  const mechanism = query.get('sasl') ?? 'scram-sha-512'
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
    partitions: Number(query.get('partitions') ?? partitionsDefault),
  }
}

/** The file has the certificate of an authority that the system does not trust already. */
function caOf(file: string | null): { ca?: Buffer } {
  return file === null ? {} : { ca: readFileSync(file) }
}
