import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** A file of the page as it is written, by its name below the folder of the page, or the name that modules import. */
export type Source = { readonly name: string; readonly text: string }
/** The same as browsers get it. */
export type Prepared = { readonly name: string; readonly content: string; readonly compressed: Uint8Array }

const page = new URL('../page/', import.meta.url)

/** The style of a library comes first, since what a later one states wins. */
const styleOfLibraries = 'uplot/dist/uPlot.min.css'

/** What modules of the page import by name. */
const libraries: Readonly<Record<string, string>> = {
  preact: 'preact',
  'preact/hooks': 'preact/hooks',
  uplot: 'uplot/dist/uPlot.esm.js',
}

/** The page into whose head the server writes what leads to its files, and all of those. */
export type PageSource = { readonly template: string; readonly sources: readonly Source[] }

export async function readPage(): Promise<PageSource> {
  const read = (name: string) => readFile(new URL(name, page), 'utf8')
  const named = (pattern: string) =>
    globSync(pattern, { cwd: fileURLToPath(page) })
      .map(slashed)
      .sort()
  const modules = named('**/*.ts').filter((name) => !name.endsWith('.d.ts'))
  const styles = [readLibrary(styleOfLibraries), ...named('**/*.css').map(read)]
  const sources = await Promise.all([
    // One file for all styles is one request.
    Promise.all(styles).then((texts) => ({ name: 'console.css', text: texts.join('\n') })),
    ...modules.map(async (name) => ({ name, text: await read(name) })),
    ...Object.entries(libraries).map(async ([name, file]) => ({ name, text: await readLibrary(file) })),
  ])
  return { template: await read('index.html'), sources }
}

function readLibrary(specifier: string): Promise<string> {
  return readFile(new URL(import.meta.resolve(specifier)), 'utf8')
}

function slashed(name: string): string {
  return name.replaceAll('\\', '/')
}
