import { watchFiles } from '../files/index.ts'
import type { WatchedFile } from '../files/index.ts'
import { readTlsFiles } from './files.ts'
import type { TlsFiles, TlsTexts } from './files.ts'

export { examineTlsFiles, readTlsFiles, tlsFileFaults } from './files.ts'
export type { NamedFile, TlsFiles, TlsTexts } from './files.ts'

/** What both sides of TLS have in common: no version before 1.2, and there only ciphers that HTTP/2 admits as well (RFC 9113, 9.2.2). */
export const tlsProtocol = {
  minVersion: 'TLSv1.2',
  ciphers:
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
  honorCipherOrder: true,
} as const

/** How often the files are examined. */
const intervalMs = 500

/**
 * Calls `changed` with what the files have, at once and whenever they change, until the function that it returns is called. Those that
 * cannot be used change nothing: at first they throw, and later they are reported to `failed`.
 */
export function followTlsFiles(
  files: TlsFiles,
  {
    changed,
    ...reports
  }: { changed: (texts: TlsTexts) => void; failed: (error: unknown) => void; succeeded: () => void },
): () => void {
  const paths = Object.values(files).flatMap((file) => file?.path ?? [])
  const watched: WatchedFile<TlsTexts> = watchFiles(paths, {
    read: () => readTlsFiles(files, Date.now()),
    clock: performance,
    ...reports,
  })
  let current = watched.current()
  changed(current)
  const timer = setInterval(() => {
    const next = watched.current()
    if (next === current) return
    current = next
    changed(next)
  }, intervalMs).unref()
  return () => clearInterval(timer)
}
