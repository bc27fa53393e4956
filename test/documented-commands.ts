import { globSync, readFileSync } from 'node:fs'

/** A command that a page shows, with the page. */
type DocumentedCommand = { readonly page: string; readonly words: readonly string[] }

const root = new URL('..', import.meta.url)
const pages = globSync(
  [
    '{README,CONTRIBUTING}.md',
    'docs/{,deploying/}*.md',
    '{backends,bench,clients}/README.md',
    'services/*/README.md',
  ],
  { cwd: root },
)
const textOf = (page: string) => readFileSync(new URL(page, root), 'utf8')

/** The shell blocks of all pages. */
export function shellBlocks(): Block[] {
  return blocksOf('sh')
}

type Block = { readonly page: string; readonly text: string }

/** The blocks in a language, a regular expression; those without one show usage or output. */
function blocksOf(language: string): Block[] {
  const block = /^```(\w*)\n([\s\S]*?)^```$/gm
  return pages.flatMap((page) =>
    [...textOf(page).matchAll(block)]
      .filter(([, name = '']) => new RegExp(`^${language}$`).test(name))
      .map(([, , text = '']) => ({ page, text })),
  )
}

/** The commands in shell blocks and in inline code that run a program of this repository. */
export function documentedCommands(): DocumentedCommand[] {
  const blocks = blocksOf('(?:sh)?')
  const inline = pages.flatMap((page) =>
    [...textOf(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => ({ page, text })),
  )
  return [...blocks, ...inline].flatMap(({ page, text }) =>
    text
      .split(/&&|;|\$\(|\n/)
      .map((command) => wordsOf(command.replace(/\)".*$/, '')))
      .filter(([program = '']) => ['npm', 'npx', 'node', 'quintet'].includes(program))
      .map((words) => ({ page, words })),
  )
}

/** The words of a command, without the settings before it. */
function wordsOf(command: string): string[] {
  return command
    .trim()
    .replace(/^([A-Z_]+=\S* )+/, '')
    .split(/\s+/)
}
