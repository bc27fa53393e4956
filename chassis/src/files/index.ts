export { FileFault, readBoundedFile, readListFile } from './bounded-file.ts'
export {
  existingFolder,
  fileReason,
  namedFileFault,
  unreadableFile,
  unwritableFile,
} from './file-reason.ts'
export { createKeyFile, readSharedKey } from './key-file.ts'
export {
  createNewPrivateFile,
  createPrivateFile,
  createPrivateFolder,
  restrictFile,
  restrictFolder,
} from './private-files.ts'
export { watchFile, watchFiles } from './watched-file.ts'
export type { WatchedFile } from './watched-file.ts'
