import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { keptContent } from './kept-content.ts'
import type { KeptContent } from './kept-content.ts'

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  // The page that an issuer leads back to.
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
}

const folder = new URL('static/', import.meta.resolve('@fastify/swagger-ui'))

let reading: Promise<ReadonlyMap<string, KeptContent>> | undefined

/** The files of Swagger UI by name, 2.5 MB, which are the same for all services of the process: read at the first request, then kept. */
export function documentationFiles(): Promise<ReadonlyMap<string, KeptContent>> {
  reading ??= readFiles().catch((error: unknown) => {
    reading = undefined
    throw error
  })
  return reading
}

async function readFiles(): Promise<ReadonlyMap<string, KeptContent>> {
  const names = (await readdir(folder)).filter((name) => extname(name) in types)
  const files = await Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(new URL(name, folder))
      return [name, keptContent(types[extname(name)] ?? '', bytes)] as const
    }),
  )
  return new Map(files)
}
