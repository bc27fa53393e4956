import type { ConnectionOptions, SASLMechanismValue } from '@platformatic/kafka'
import { readBoundedFile } from '../../files/index.ts'

/** The brokers, the prefix of topics, and the number of partitions of a new queue. */
type KafkaAddress = {
  readonly brokers: string[]
  readonly connection: Pick<ConnectionOptions, 'tls' | 'sasl' | 'tlsServerName'>
  readonly prefix: string
  readonly partitions: number
}

const authorityBytesMax = 1_048_576
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
 * several hosts. It is valid, since it is checked with the settings.
 */
export function parseKafkaUrl(url: string): KafkaAddress {
  const { secure, user, password, hosts = '', prefix = '', parameters } = form.exec(url)?.groups ?? {}
  const query = new URLSearchParams(parameters)
  const brokers = hosts.split(',')
  return {
    brokers: brokers.map((one) => (/:\d+$/.test(one) ? one : `${one}:${standardPort}`)),
    connection: {
      ...((secure === 's' || query.get('tls') === 'true') && {
        tls: caOf(query.get('ca')),
        tlsServerName: true,
      }),
      ...(user !== undefined && {
        sasl: {
          mechanism: mechanisms[query.get('sasl') ?? ''] ?? 'SCRAM-SHA-512',
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
  return file === null ? {} : { ca: readBoundedFile(file, authorityBytesMax) }
}
