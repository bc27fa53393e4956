import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Stores compiled modules, with their types stripped, in the user's cache folder, where the next start finds them; a third of
 * a first start is compiling. Only modules that are imported after this call profit, so a program calls it and then imports
 * the rest dynamically. Node's own `NODE_COMPILE_CACHE` names another folder; without a folder to write to, nothing is stored.
 */
export function storeCompiledModules(environment: NodeJS.ProcessEnv): void {
  const folder = environment.XDG_CACHE_HOME || cacheFolderOfUser()
  if (environment.NODE_COMPILE_CACHE !== undefined || folder === undefined) return
  const { directory } = enableCompileCache({ directory: join(folder, 'quintet') })
  // Worker threads read the variable.
  if (directory !== undefined) environment.NODE_COMPILE_CACHE = directory
}

/** Undefined for a user without a home, as in some containers. A temporary folder could be written to by others. */
function cacheFolderOfUser(): string | undefined {
  try {
    return join(homedir(), '.cache')
  } catch {
    return undefined
  }
}
