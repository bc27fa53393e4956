import type { Program } from './processes.ts'

/** Those that services store data on. */
const storageNames = ['postgres', 'mysql', 'redis', 'amqp', 'kafka', 'dynamodb', 'mongodb'] as const

/** And those that observe services. */
export const engineNames = [...storageNames, 'prometheus', 'alertmanager'] as const

export type StorageName = (typeof storageNames)[number]
export type EngineName = (typeof engineNames)[number]

/** An engine, and how it is installed and run on Debian without containers. */
export type Engine = {
  readonly name: EngineName
  /** The name of the product, such as "MongoDB". */
  readonly title: string
  /** The program that runs without Docker; if it is a stand-in, with what it lacks. */
  readonly native: string
  /** The ports that it listens on, on loopback; the first one is for clients. */
  readonly ports: Ports
  /** The required Debian packages that are not installed. */
  missingPackages(): readonly string[]
  /** Installs into the folder `tools` what no package has, unless it is there. */
  install(tools: string): Promise<void>
  /** Initializes the data folder, unless it exists. */
  prepare(place: Place): Promise<void>
  /** Its processes in start order: each is ready before the next one starts. */
  programs(place: Place): readonly Program[]
  url(port: number): string
  /** Closes the connections of all clients from the side of the engine, where none of its clients can. */
  closeConnections?(place: Place): Promise<void>
  /** Performs the first exchange of the protocol, and rejects with the reason if the server does not complete it. */
  ping(url: URL): Promise<void>
}

/** The folders and ports of one instance of an engine. */
export type Place = {
  /** For data, logs and process ids. */
  readonly folder: string
  /** Where `install` put its programs. */
  readonly tools: string
  /** In the order of the engine's `ports`. */
  readonly ports: Ports
  /** The port that the engine names to clients, where a proxy is in front of its own; only Kafka names one. */
  readonly advertisedPort?: number
}

export type Ports = readonly [number, ...number[]]
