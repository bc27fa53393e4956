import type { Program } from './processes.ts'

export const engineNames = ['postgres', 'mysql', 'redis', 'amqp', 'kafka', 'dynamodb', 'mongodb'] as const

export type EngineName = (typeof engineNames)[number]

/** One engine, and how it is had on Debian without containers. */
export type Engine = {
  readonly name: EngineName
  /** What a URL of it promises, such as "MongoDB". */
  readonly title: string
  /** What really answers when it runs natively; where that is another program, the sentence says what it lacks. */
  readonly native: string
  /** Where it listens on loopback: clients come to the first one. */
  readonly ports: Ports
  /** The Debian packages that it still needs. */
  missingPackages(): readonly string[]
  /** Brings what no package has into the folder of tools; quick when it is there. */
  install(tools: string): Promise<void>
  /** Lays out an empty store; leaves one that is there as it is. */
  prepare(place: Place): Promise<void>
  /** What has to run, in the order of starting: each is ready before the next one starts. */
  programs(place: Place): readonly Program[]
  url(port: number): string
  /** Shakes hands as a client does, and rejects with the reason where nothing comes back that a client could use. */
  greet(url: URL): Promise<void>
}

/** Where one instance of an engine lives. */
export type Place = {
  /** For its store, logs and process ids. */
  readonly folder: string
  /** What `install` brought. */
  readonly tools: string
  /** As many as the engine has, in its order. */
  readonly ports: Ports
}

export type Ports = readonly [number, ...number[]]
