import { globSync, readFileSync } from 'node:fs'

/** A command that a page shows, with the page. */
export type DocumentedCommand = { readonly page: string; readonly words: readonly string[] }

const root = new URL('..', import.meta.url)
const pages = globSync(
  ['{README,CONTRIBUTING}.md', 'docs/*.md', '{backends,bench,clients}/README.md', 'services/*/README.md'],
  { cwd: root },
)
const textOf = (page: string) => readFileSync(new URL(page, root), 'utf8')

/** The shell blocks of all pages. */
export function shellBlocks(): { readonly page: string; readonly text: string }[] {
  return pages.flatMap((page) =>
    [...textOf(page).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => ({ page, text })),
  )
}

/** The commands in shell blocks and in inline code that run a program of this repository. */
export function documentedCommands(): DocumentedCommand[] {
  const blocks = shellBlocks()
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
