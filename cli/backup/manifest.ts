import { createHash } from 'node:crypto'
import { closeSync, constants, createReadStream, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'
import { UsageError } from '../usage-error.ts'

export const manifestFile = 'manifest.json'
/** From 2 on it has a hash of itself. */
const manifestFormat = 2
const manifestBytesMax = 1_048_576

/** Of names and versions, which are printed. */
const printable = '[^\\u0000-\\u001f\\u007f-\\u009f]'

const fileMembers = {
  /** A name without a path, so that nothing outside the folder can be meant. */
  file: Type.String({ pattern: '^[^/\\\\\\u0000-\\u001f\\u007f-\\u009f]{1,255}$' }),
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
}

const manifestSchema = Type.Object({
  format: Type.Union([Type.Literal(1), Type.Literal(manifestFormat)]),
  /** The version of Quintet that made it. */
  quintet: Type.String({ pattern: `^${printable}{1,100}$` }),
  /** The instant that it shows. */
  time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
  databases: Type.Array(
    Type.Object({
      ...fileMembers,
      settings: Type.Array(Type.String({ pattern: `^${printable}{1,100}$` }), { minItems: 1 }),
      services: Type.Array(Type.String()),
      migrations: Type.Array(Type.String({ pattern: `^${printable}{1,255}$` })),
    }),
    { minItems: 1 },
  ),
  keys: Type.Array(Type.Object(fileMembers)),
  /** Of the members before it, as JSON without spaces. */
  sha256: Type.Optional(fileMembers.sha256),
})

export type Manifest = Static<typeof manifestSchema>

/** What a manifest says of a backup, without what every manifest has. */
type BackupContents = Omit<Manifest, 'format' | 'sha256'>

/** The manifest of a backup with the hash of itself. */
export function sealedManifest(contents: BackupContents): Manifest {
  const manifest = { format: manifestFormat, ...contents } as const
  return { ...manifest, sha256: hashOf(manifest) }
}

function hashOf(manifest: Omit<Manifest, 'sha256'>): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}

/** Size and hash of a file, for the manifest. */
export async function describeFile(folder: string, file: string) {
  const descriptor = openRegular(join(folder, file))
  const { size } = fstatSync(descriptor)
  const hash = createHash('sha256')
  await pipeline(createReadStream('', { fd: descriptor }), hash)
  return { file, size, sha256: hash.digest('hex') }
}

/** The manifest of a folder with a backup, and a sentence for each of its files that is not as the manifest says. */
export async function readVerified(folder: string): Promise<{ manifest: Manifest; faults: string[] }> {
  const manifest = readManifest(folder)
  const files = [...manifest.databases, ...manifest.keys]
  const faults: string[] = []
  for (const [i, { file, size, sha256 }] of files.entries()) {
    if (files.findIndex((other) => other.file === file) !== i)
      faults.push(`${join(folder, manifestFile)} names ${file} twice.`)
    faults.push(...(await faultsOfFile(folder, file, { size, sha256 })))
  }
  return { manifest, faults }
}

async function faultsOfFile(
  folder: string,
  file: string,
  { size, sha256 }: { size: number; sha256: string },
): Promise<string[]> {
  const path = join(folder, file)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return [`The backup is not whole: ${path} is missing.`]
  if (!found.isFile()) return [notRegular(path)]
  if (found.size === size && (await describeFile(folder, file)).sha256 === sha256) return []
  return [`The backup is damaged: ${path} has other content than when it was made.`]
}

/** A link could lead to what is no part of the backup, and a pipe may never end. */
function notRegular(path: string): string {
  return `The backup is damaged: ${path} is no regular file, as all files of a backup are.`
}

/** Opens a regular file to read it, and throws for anything else. */
function openRegular(path: string): number {
  if (!lstatSync(path).isFile()) throw new UsageError(notRegular(path))
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if (fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  throw new UsageError(notRegular(path))
}

function readManifest(folder: string): Manifest {
  const path = join(folder, manifestFile)
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
    throw new UsageError(`${folder} is no backup: there is no ${path}.`)
  const manifest = parse(textOf(path))
  if (Check(manifestSchema, manifest) && isIntact(manifest) && isInstant(manifest.time)) return manifest
  const format: unknown = Object(manifest).format
  throw new UsageError(
    typeof format === 'number' && format > manifestFormat
      ? `The backup has format ${format}, of a later version of Quintet: restore it with the version that made it.`
      : `${path} is damaged: it is not what quintet backup has written.`,
  )
}

function textOf(path: string): string {
  const descriptor = openRegular(path)
  try {
    return fstatSync(descriptor).size > manifestBytesMax ? '' : readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function isIntact({ sha256, ...manifest }: Manifest): boolean {
  return manifest.format === 1 ? sha256 === undefined : sha256 === hashOf(manifest)
}

/** Whether it is a time that the calendar has, since there are backups. */
function isInstant(time: string): boolean {
  const instant = Date.parse(time)
  return instant >= Date.UTC(2024) && new Date(instant).toISOString() === time
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
