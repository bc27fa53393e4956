import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Topology } from '@quintet/contracts/topology'
import { outdatedFiles } from '../derived/derived-files.ts'
import { firstMigration, isForUpgrades, withoutUpgrades } from './first-version.ts'
import { sharedIdentifiers } from './identifiers.ts'
import type { Nouns } from './nouns.ts'
import { createRenamer } from './nouns.ts'
import { addRequests } from './postman-requests.ts'
import { addEntry, addImports, addRows, addToLists } from './entries.ts'

/** The texts of the files to create and of those to change, by their paths from the root. */
export type Plan = {
  readonly created: ReadonlyMap<string, string>
  readonly changed: ReadonlyMap<string, string>
}

const data = 'contracts/src/topology.ts'
const code = 'topology.ts'
/** Pages with a table of what services have. */
const pages = ['docs/api.md', 'docs/guarantees.md']
const metricsPage = 'docs/operating.md'
const collection = 'clients/postman/quintet.postman_collection.json'

/**
 * Makes a service from the model by renaming it; a separate template could become outdated. Throws an Error if the
 * model cannot be renamed. Writes nothing.
 */
export async function planService(root: URL, model: Nouns, nouns: Nouns): Promise<Plan> {
  const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
  const renamed = createRenamer(model, nouns)
  const rename = (text: string) => renamed(withoutUpgrades(text))
  const modelFiles = filesOf(root, `services/${model.service}`, read)
  const [shared] = sharedIdentifiers(modelFiles, rename)
  if (shared !== undefined)
    throw new Error(
      `${shared.identifier} has another meaning in ${shared.file}: choose other nouns with --noun and --plural.`,
    )
  const created = [...modelFiles].map(([file, text]) => [rename(file), rename(withoutModel(text))] as const)
  // The data comes last: once it is written, quintet derive can complete the rest.
  const edited = new Map([
    [code, addEntry(addImports(read(code), model, rename), model, rename)],
    ...pages.map((page) => [page, addRows(read(page), model, rename)] as const),
    [metricsPage, addToLists(read(metricsPage), model, nouns.service)],
    [collection, addRequests(read(collection), model, rename)],
    [data, addEntry(read(data), model, rename)],
  ])
  const topology = await topologyOf(edited.get(data) ?? '')
  const derived = outdatedFiles(topology, (file) => edited.get(file) ?? read(file))
  return { created: new Map(created), changed: new Map([...edited, ...derived]) }
}

function filesOf(root: URL, folder: string, read: (file: string) => string): Map<string, string> {
  const files = globSync(`${folder}/**/*`, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(new URL(root).pathname.length))
    .filter((file) => !file.includes('node_modules/') && !isForUpgrades(file.slice(folder.length + 1)))
  return new Map([
    ...files.map((file) => [file, read(file)] as const),
    [`${folder}/migrations/${basename(firstMigration)}`, read(firstMigration)],
  ])
}

/** Removes from a README the sentences that describe this service as the model, or its upgrades. */
function withoutModel(text: string): string {
  const isOfModel = (sentence: string) => /adding-a-service\.md|keyed_version/.test(sentence)
  if (!text.includes('adding-a-service.md')) return text
  return text
    .split('\n\n')
    .map((paragraph) =>
      paragraph
        .split(/(?<=\.)\s+(?=[A-Z])/)
        .filter((sentence) => !isOfModel(sentence))
        .join(' '),
    )
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

/** The data in a text of the topology's file, read by running it. */
async function topologyOf(text: string): Promise<Topology> {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-topology-'))
  try {
    const file = join(folder, 'topology.ts')
    writeFileSync(file, text)
    const { topology }: { topology: Topology } = await import(pathToFileURL(file).href)
    return topology
  } finally {
    rmSync(folder, { recursive: true })
  }
}
