import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'

/** The message is what is wrong with a file, as what follows its path in a sentence. */
export class FileFault extends Error {}

/** More than any list of addresses, policies or keys that is useful, and little enough for the memory of a process. */
const listBytesMax = 16_777_216

/**
 * The bytes of a file that a setting names. Throws a `FileFault` for one that is too large, and for what is no file: a device such as
 * `/dev/zero`, named by mistake, has no end.
 */
export function readBoundedFile(path: string, bytesMax: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const state = fstatSync(file)
    if (!state.isFile()) throw new FileFault(state.isDirectory() ? 'is a folder' : 'is not a file')
    if (state.size > bytesMax) throw new FileFault(`has more than ${bytesMax} bytes`)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

/** The text of a list that a setting names, with `listBytesMax` bytes at most. */
export function readListFile(path: string): string {
  return readBoundedFile(path, listBytesMax).toString('utf8')
}
