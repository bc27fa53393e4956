import { stripTypeScriptTypes } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { brotliCompressSync, constants } from 'node:zlib'
import type { Prepared, Source } from './asset-files.ts'

// Node warns that removing types is experimental, which its own loader does without a warning.
process.removeAllListeners('warning')

/** A thread that removes the types of the page's modules, and compresses all its files. */
const sources: readonly Source[] = workerData
const prepared: Prepared[] = sources.map(({ name, text }) => {
  const content = name.endsWith('.ts')
    ? withoutComments(stripTypeScriptTypes(text))
    : withoutMapReference(text)
  return { name, content, compressed: compressed(content) }
})
parentPort?.postMessage(prepared)

/** Empties the lines that are comments and nothing else, a sixth of what is sent; all others stay where they are. */
function withoutComments(text: string): string {
  let isInside = false
  return text
    .split('\n')
    .map((line) => {
      const trimmed = line.trim()
      const isComment = isInside || trimmed.startsWith('/*') || trimmed.startsWith('//')
      if (isInside || trimmed.startsWith('/*')) isInside = !trimmed.endsWith('*/')
      return isComment ? '' : line
    })
    .join('\n')
}

/** The maps of libraries are not served. */
function withoutMapReference(text: string): string {
  return text.replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n')
}

function compressed(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: 10,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
}
