import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'
import { UsageError } from '../usage-error.ts'

export const manifestFile = 'manifest.json'
export const manifestFormat = 1

const fileMembers = {
  /** A name without a path, so that nothing outside the folder can be meant. */
  file: Type.String({ pattern: '^[^/\\\\\\0]{1,255}$' }),
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
}

const manifestSchema = Type.Object({
  format: Type.Literal(manifestFormat),
  /** The version of Quintet that made it. */
  quintet: Type.String(),
  /** The instant that it shows. */
  time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
  databases: Type.Array(
    Type.Object({
      ...fileMembers,
      settings: Type.Array(Type.String(), { minItems: 1 }),
      services: Type.Array(Type.String()),
      migrations: Type.Array(Type.String()),
    }),
    { minItems: 1 },
  ),
  keys: Type.Array(Type.Object(fileMembers)),
})

export type Manifest = Static<typeof manifestSchema>

/** Size and hash of a file, for the manifest. */
export async function describeFile(folder: string, file: string) {
  const path = join(folder, file)
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return { file, size: statSync(path).size, sha256: hash.digest('hex') }
}

/** The manifest of a folder with a backup, all of whose files are as it says. */
export async function readVerified(folder: string): Promise<Manifest> {
  const manifest = readManifest(folder)
  const files = [...manifest.databases, ...manifest.keys]
  const twice = files.find(({ file }, i) => files.findIndex((other) => other.file === file) !== i)
  if (twice !== undefined) throw new UsageError(`${join(folder, manifestFile)} names ${twice.file} twice.`)
  for (const { file, size, sha256 } of files) {
    const path = join(folder, file)
    if (!existsSync(path)) throw new UsageError(`The backup is not whole: ${path} is missing.`)
    const found = await describeFile(folder, file)
    if (found.size !== size || found.sha256 !== sha256)
      throw new UsageError(`The backup is damaged: ${path} has other content than when it was made.`)
  }
  return manifest
}

function readManifest(folder: string): Manifest {
  const path = join(folder, manifestFile)
  if (!existsSync(path)) throw new UsageError(`${folder} is no backup: there is no ${path}.`)
  const manifest = parse(readFileSync(path, 'utf8'))
  if (Check(manifestSchema, manifest)) return manifest
  const format: unknown = Object(manifest).format
  throw new UsageError(
    typeof format === 'number' && format > manifestFormat
      ? `The backup has format ${format}, of a later version of Quintet (${Object(manifest).quintet}): restore it with that version.`
      : `${path} is damaged: it is not what quintet backup writes.`,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
