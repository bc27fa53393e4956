import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { commonSettings, describeConfig } from '@quintet/chassis/config'
import { Type } from 'typebox'
import { promises } from '../nemesis/promises.ts'
import { documentedCommands, shellBlocks } from './documented-commands.ts'

const root = new URL('..', import.meta.url)
const read = (file: string | URL) => readFileSync(new URL(file, root), 'utf8')

const guarantees = read('docs/guarantees.md')
const sections = guarantees.split(/^### /m).slice(1)

test('Each guarantee states its promise, its limits and its proof, and is in the index', () => {
  assert.ok(sections.length >= 18)
  for (const section of sections) {
    const [title = ''] = section.split('\n', 1)
    const marks = ['**Promise.**', '**Limits.**', '**Try to break it.**', '**Proof.**']
    const places = marks.map((mark) => section.indexOf(mark))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      `"${title}" must have ${marks.join(', ')} in this order`,
    )
    const anchor = anchorOf(title)
    assert.ok(guarantees.includes(`(#${anchor})`), `the index does not link to #${anchor}`)
  }
})

test('Each guarantee names the command that tries to break it, and each such command is of a guarantee', () => {
  const anchors = sections.map((section) => anchorOf(section.split('\n', 1)[0] ?? ''))
  for (const [i, section] of sections.entries()) {
    const commands = [...section.matchAll(/^\*\*Try to break it\.\*\* `(.+?)`/gm)].map(
      ([, command]) => command,
    )
    assert.deepEqual(commands, [`npm run prove -- ${anchors[i]}`])
  }
  assert.deepEqual(Object.keys(promises), anchors)
})

test('Each picture of a guarantee exists, with the command that made it below', () => {
  const pictures = [...guarantees.matchAll(/^!\[.+\]\((.+)\)\n\n(.*)/gm)]
  assert.ok(pictures.length > 0)
  for (const [, path = '', below] of pictures) {
    assert.ok(existsSync(new URL(`docs/${path}`, root)), path)
    const name = path.replace(/^pictures\/|\.svg$/g, '')
    assert.match(below ?? '', new RegExp(`^Made by \`npm run prove -- ${name} --seed \\w+\``))
  }
})

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')
}

test('Each proof of a guarantee is a test that exists, by its title', () => {
  for (const section of sections) {
    const [title = ''] = section.split('\n', 1)
    const proofs = [...section.matchAll(/^- \[(.+)\]\((.+)\)$/gm)]
    assert.ok(proofs.length > 0, `"${title}" has no proof`)
    for (const [, proof = '', path = ''] of proofs)
      assert.ok(
        titlesOf(read(new URL(path, new URL('docs/', root)))).includes(proof),
        `"${title}" names the test "${proof}", which ${path} does not have`,
      )
  }
})

/** The titles of the tests of a file, without what a template fills in at the end, such as ` (round ${round})`. */
function titlesOf(text: string): string[] {
  return [...text.matchAll(/\btest\(\s*(['`])(.+?)\1,/g)].map(([, , title = '']) =>
    title.replace(/ (\(\w+ )?\$\{\w+\}\)?$/, ''),
  )
}

test('Shell blocks can be pasted into bash and zsh: no comments, and no wildcards outside quotes', () => {
  const blocks = shellBlocks()
  assert.ok(blocks.length > 15)
  // An interactive zsh has no comments by default, and rejects a command with a wildcard that matches no file.
  for (const { page, text } of blocks) {
    const unquoted = text.replace(/<<'(\w+)'[\s\S]*?^\1$|'[^']*'|"(?:\\.|[^"])*"/gm, '')
    assert.doesNotMatch(unquoted, /[#?*[\]]/, `${page}:\n${text}`)
  }
})

test('Each shell block is run by a test, by CI, or by a proof of a deployment', () => {
  const ci = read('.ci/run')
  for (const { page, text } of shellBlocks()) {
    const [, by] = runners.find(([block]) => block.test(`${page}\n${text}`)) ?? []
    assert.ok(by !== undefined, `${page} has a block that nothing runs:\n${text}`)
    if (/\.(ts|sh)$/.test(by)) assert.ok(existsSync(new URL(by, root)), by)
    else assert.ok(ci.includes(by), `.ci/run does not run ${by}`)
  }
})

/** What runs a block: a test, or a line of .ci/run. */
const runners: readonly (readonly [block: RegExp, by: string])[] = [
  [/^docs\/authentication\.md\n/, 'test/slow/authentication.test.ts'],
  [/^docs\/security\.md\n/, 'test/slow/tls.test.ts'],
  [/^docs\/adding-a-service\.md\n/, 'test/slow/adding-a-service.test.ts'],
  [/^README\.md\ngateway=/, 'test/slow/first-minute.test.ts'],
  [/^README\.md\nnpm ci && npm start\n$/, 'npm start'],
  [/^(README\.md\nnpm ci && npm test|CONTRIBUTING\.md\nnpm ci\nnpm run check)\n$/, 'npm run check'],
  [/^services\/(\w+)\/README\.md\nnpm start \1\n$/, 'test/system/start.test.ts'],
  [
    /\nnpm run backends -- up && eval .* &&\nnpm run quintet migrate up && npm start\n$/,
    'quintet migrate up',
  ],
  [/^docs\/operating\.md\nnpm run quintet migrate up\nnpm run quintet doctor\nnpm start\n$/, 'migrate up'],
  [/^docs\/operating\.md\nnpm run quintet backup/, 'test/slow/operating-commands.test.ts'],
  [/^docs\/operating\.md\nexport DATA_DIR=\/tmp\/drill\n/, 'test/slow/operating-commands.test.ts'],
  [/^docs\/operating\.md\nexport COMPOSE_FILE=\S+observability\.yaml\n/, 'run --silent compose:check'],
  [/^docs\/operating\.md\nnpm run quintet queue list\n/, 'test/slow/operating-commands.test.ts'],
  [/^docs\/deploying\/compose\.md\n/, 'deploy/test/containers.sh'],
  [/^docs\/deploying\/aws\.md\n/, 'deploy/test/aws.sh'],
  [/^docs\/deploying\/logs\.md\n/, 'deploy/test/logs.sh'],
  [/^docs\/deploying\/kubernetes\.md\n/, 'deploy/test/kubernetes.sh'],
  [/^docs\/deploying\/pipelines\.md\n/, 'deploy/test/pipelines.sh'],
  [/^docs\/deploying\/pm2\.md\n/, 'deploy/test/pm2.sh'],
  [/^docs\/deploying\/machines\.md\n/, 'deploy/test/machines.sh'],
  [/^clients\/README\.md\nnpm run postman\n/, 'run --silent postman'],
  [/^clients\/README\.md\ntoken=/, 'test/slow/authenticated-clients.test.ts'],
  [/^nemesis\/README\.md\nnpm run nemesis:recovery\n/, 'nemesis:recovery'],
  [/^nemesis\/README\.md\nnpm run nemesis -- /, 'run --silent nemesis --'],
]

test('Each documented command names a script, a subcommand and files that exist', () => {
  const commands = documentedCommands()
  assert.ok(commands.length > 60)
  for (const { page, words } of commands)
    assert.equal(faultOf(words), undefined, `${page}: ${words.join(' ')}`)
})

const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
const quintet = subcommandsOf('quintet.ts', 'quintet ')
const backends = subcommandsOf('backends/src/cli.ts', '')

/** The literal words of each usage line, such as `migrate status|up|down`. */
function subcommandsOf(program: string, prefix: string): string[][] {
  const usage = execFileSync(process.execPath, [program, 'help'], { cwd: root, encoding: 'utf8' })
  const lines = [...usage.matchAll(new RegExp(`^  ${prefix}(.*?)(?:  |$)`, 'gm'))].map(
    ([, line = '']) => line,
  )
  assert.ok(lines.length > 4)
  return [...lines.map((line) => line.split(' ').filter((word) => /^[a-z|]+$/.test(word))), ['help']]
}

/** What is wrong with a command; undefined when nothing is. */
function faultOf([program = '', ...words]: readonly string[]): string | undefined {
  if (program === 'quintet') return subcommandFault(quintet, words)
  if (program !== 'npm') return fileFault(words)
  const [verb = '', ...rest] = words.filter((word) => word !== '--silent' && word !== '--')
  const [script, ...options] = verb === 'run' ? rest : [verb, ...rest]
  if (script === undefined || script === 'ci' || script === 'install') return undefined
  if (scripts[script] === undefined) return `package.json has no script ${script}`
  if (script === 'quintet') return subcommandFault(quintet, options)
  if (script === 'backends') return subcommandFault(backends, options)
  return fileFault(options)
}

function subcommandFault(
  known: readonly (readonly string[])[],
  words: readonly string[],
): string | undefined {
  const isKnown = known.some((literals) =>
    literals.every((literal, i) => words[i]?.split('|').every((word) => literal.split('|').includes(word))),
  )
  return isKnown || words.length === 0 ? undefined : 'the usage has no such subcommand'
}

/** The files of the service that the page on a new service makes do not exist before. */
function fileFault(words: readonly string[]): string | undefined {
  const files = words.filter((word) => /^[\w./-]+\.ts$/.test(word) && !word.startsWith('services/reviews/'))
  const missing = files.filter((file) => !existsSync(new URL(file, root)))
  return missing.length === 0 ? undefined : `${missing} does not exist`
}

test('docs/operating.md, docs/security.md and docs/traces.md list the settings of every service with their defaults', () => {
  const page = ['operating', 'security', 'traces'].map((name) => read(`docs/${name}.md`)).join('\n')
  for (const { name, value } of describeConfig(Type.Object(commonSettings), new Map()))
    assert.match(
      page,
      new RegExp(`^\\| \`${name}\` \\| \`?${RegExp.escape(value || 'empty')}[^\\w]`, 'm'),
      name,
    )
})

/** How many requirements of level 2 the sections of OWASP ASVS 5.0.0 have; they are the first ones of each. */
const requirements = {
  1: [2, 9, 11, 3, 2],
  2: [3, 3, 4, 1],
  3: [0, 2, 4, 6, 5, 0, 2],
  4: [3, 1, 2, 4],
  5: [1, 3, 2, 3],
  6: [3, 12, 4, 4, 5, 3, 0, 4],
  7: [3, 4, 2, 5, 2, 2],
  8: [2, 3, 1, 1],
  9: [3, 4],
  10: [2, 2, 4, 11, 5, 2, 3],
  11: [2, 3, 3, 4, 1, 1],
  12: [3, 2, 4],
  13: [1, 5, 2, 5],
  14: [2, 4, 3],
  15: [3, 3, 7],
  16: [1, 5, 4, 3, 3],
  17: [1, 4, 2],
}

test('docs/asvs.md has each requirement of level 2 once, as met, not met or not applicable', () => {
  const all = Object.entries(requirements).flatMap(([chapter, counts]) =>
    counts.flatMap((count, section) =>
      Array.from({ length: count }, (_, at) => `${chapter}.${section + 1}.${at + 1}`),
    ),
  )
  assert.equal(all.length, 253)
  const rows = [...read('docs/asvs.md').matchAll(/^\| ([\d.,– ]+) \| .+ \| (?:met|not met|n\/a) \| .+ \|$/gm)]
  const named = rows.flatMap(([, numbers = '']) =>
    numbers.split(', ').flatMap((part) => {
      const [first = '', last = first] = part.split('–')
      return all.slice(all.indexOf(first), all.indexOf(last) + 1)
    }),
  )
  assert.deepEqual(named.toSorted(), all.toSorted())
})
