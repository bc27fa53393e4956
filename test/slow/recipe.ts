import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRenamer, nounsOf } from '../../cli/make/nouns.ts'
import { root } from '../system/processes.ts'
import { newService } from './repository-copy.ts'

/** A block of code in docs/adding-a-service.md. */
type Block = { readonly language: string; readonly text: string }

/** The blocks in order. If the repository already has the service of the recipe, another name replaces it. */
export function readRecipe(): Block[] {
  const rename = createRenamer(nounsOf('reviews', 0), nounsOf(newService, 0))
  const text = rename(readFileSync(join(root, 'docs/adding-a-service.md'), 'utf8'))
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
}

/** The files that the recipe contains, by the path in their first line. */
export function filesOf(blocks: readonly Block[]): Map<string, string> {
  return new Map(
    blocks.flatMap(({ language, text }) => {
      const [, path, content] = /^\/\/ (\S+)\n([\s\S]*)$/.exec(text) ?? []
      return language === 'ts' && path !== undefined && content !== undefined ? [[path, content]] : []
    }),
  )
}
