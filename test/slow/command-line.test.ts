import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { serviceNames } from '@quintet/contracts/topology'
import { services } from '../../topology.ts'
import { dataFolder, root, run } from '../system/processes.ts'

const manifest: { version: string; scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const commands = [
  'start',
  'services',
  'doctor',
  'config',
  'migrate',
  'backup',
  'restore',
  'certificates',
  'queue',
  'events',
  'traces',
  'limits',
  'keys',
  'issuer',
  'tls',
  'make',
  'derive',
  'help',
  'version',
]

/** Runs `quintet` to its end, on a data folder that does not exist unless a test creates it. */
async function quintet(t: TestContext, words: readonly string[], environment: Record<string, string> = {}) {
  const settings = { DATA_DIR: join(dataFolder(t), 'data'), ...environment }
  const command = run(t, ['quintet.ts', ...words], settings)
  await assert.rejects(command.address('never'))
  return { code: command.child.exitCode, output: command.output(), folder: settings.DATA_DIR }
}

test('Every command has help, in each of the usual ways, and prints nothing else', async (t) => {
  const { code, output: whole } = await quintet(t, ['help'])
  assert.equal(code, 0)
  const [bare, short, long, ...ofCommands] = await outputsOf(t, [
    ...[[], ['-h'], ['--help']],
    ...commands.flatMap((name) => [
      ['help', name],
      [name, '--help'],
      [name, 'x', '-h'],
    ]),
  ])
  assert.deepEqual([bare, short, long], [whole, whole, whole])
  for (const [i, name] of commands.entries()) {
    const [output = '', ...others] = ofCommands.slice(3 * i, 3 * i + 3)
    assert.match(whole, new RegExp(`^  quintet ${name}`, 'm'))
    for (const line of output.trim().split('\n'))
      assert.match(line, new RegExp(`^ *quintet ${name}\\b|^ {44}\\S`))
    assert.ok(whole.includes(output))
    assert.deepEqual(others, [output, output])
  }
})

/** What `quintet` prints for each of the lists of words, in one process, since most of the time goes into its start. */
async function outputsOf(t: TestContext, lists: readonly (readonly string[])[]): Promise<string[]> {
  const program = `process.stdout.setMaxListeners(0)
    process.stderr.setMaxListeners(0)
    const { runCommand } = await import('./cli/run-command.ts')
    for (const words of ${JSON.stringify(lists)}) {
      await runCommand(words)
      process.stdout.write('\\0')
    }`
  const { child, output } = run(t, ['--input-type=module', '--eval', program], {})
  await once(child, 'close')
  assert.equal(child.exitCode, 0, output())
  return output().split('\0').slice(0, -1)
}

test('The version is that of the package, with that of Node', async (t) => {
  for (const words of [['version'], ['--version'], ['-v']]) {
    const { code, output } = await quintet(t, words)
    assert.equal(code, 0)
    assert.equal(output, `quintet ${manifest.version}, Node ${process.version}\n`)
  }
})

for (const [words, sentence] of [
  [['strat'], '"strat" is not a command. Did you mean start?'],
  [['toString'], '"toString" is not a command.'],
  [['help', 'strat'], '"strat" is not a command. Did you mean start?'],
  [['config', 'guid'], 'quintet config has no arguments.'],
  [['derive', 'guid'], 'quintet derive has no arguments.'],
  [['start', '--port', '1'], 'There is no option --port. What a service needs are settings: quintet config'],
  [['migrate'], 'quintet migrate needs one of these commands:'],
  [['migrate', 'stauts'], '"stauts" is not a command of quintet migrate. Did you mean status? It has these:'],
  [
    ['certificates', 'rewarp'],
    '"rewarp" is not a command of quintet certificates. Did you mean rewrap? It has these:',
  ],
  [['make', 'servce', 'x'], '"servce" is not a command of quintet make. Did you mean service? It has these:'],
  [['limits', 'lst'], '"lst" is not a command of quintet limits. Did you mean list? It has these:'],
  [['limits', 'reset', 'client'], 'quintet limits reset needs a policy and a client, as list prints them.'],
  [['issuer', '--port', 'x'], '--port must be a port, such as 3002.'],
  [['tls', '--days'], '"--days" must be the name of a host or an IP address.'],
  [['keys', 'lst'], '"lst" is not a command of quintet keys. Did you mean list? It has these:'],
  [['keys', 'add'], 'quintet keys add needs one id.'],
  [['keys', 'add', 'ci', '--scope', 'x'], 'There is no option --scope. Did you mean --scopes?'],
  [['limits', 'fly'], '"fly" is not a command of quintet limits, which has these:'],
  [['keys', 'list'], 'API_KEYS_FILE names no file: set it, such as to data/api-keys.jsonl.'],
  [['queue', 'lst'], '"lst" is not a command of quintet queue. Did you mean list? It has these:'],
  [['queue', 'show'], 'quintet queue show needs a queue.'],
  [
    ['queue', 'show', 'guid.events'],
    'guid.events is a stream of events, not a queue: quintet events prints it.',
  ],
  [['migrate', 'make', 'gateway', 'x'], 'gateway has no database, so it has no migrations.'],
  [['migrate', 'status', 'gateway'], 'gateway has no database, so it has no migrations.'],
] as const)
  test(`quintet ${words.join(' ')} is refused: ${sentence}`, async (t) => {
    const { code, output, folder } = await quintet(t, words)
    assert.equal(code, 1)
    assert.equal(output.split('\n', 1)[0], sentence)
    assert.ok(!existsSync(folder))
  })

test('Limits that each process counts in its memory can be neither listed nor reset, and quintet limits says so', async (t) => {
  const settings = { RATE_LIMIT: 'on' }
  const listed = await quintet(t, ['limits', 'list'], settings)
  assert.equal(listed.code, 0)
  assert.match(
    listed.output,
    /^RATE_LIMIT_URL is memory:, so each process counts rates .*cannot be listed here\./,
  )
  assert.equal(listed.output.trimEnd().split('\n').length, 1)
  const reset = await quintet(t, ['limits', 'reset', 'client', '192.0.2.1'], settings)
  assert.equal(reset.code, 1)
  assert.match(reset.output, /^RATE_LIMIT_URL is memory:, .*, so "client" was not reset: wait, or restart/)
  const RATE_LIMIT_POLICIES = '"day";q=9;kind=quota;per=day, "at-once";q=9;kind=concurrent'
  const quotas = { ...settings, RATE_LIMIT_POLICIES }
  assert.match(
    (await quintet(t, ['limits', 'list'], quotas)).output,
    /^Nobody is near a quota\.\nRATE_LIMIT_URL /,
  )
  for (const [policy, sentence] of [
    ['day', 'Nothing is counted by "day" for 192.0.2.1.\n'],
    ['at-once', '"at-once" counts requests in progress, in each process: there is nothing to reset.\n'],
  ] as const) {
    const { code, output } = await quintet(t, ['limits', 'reset', policy, '192.0.2.1'], quotas)
    assert.deepEqual([code, output], [1, sentence])
  }
  const { output } = await quintet(t, ['limits', 'list'])
  assert.equal(output, 'RATE_LIMIT is off, so nothing is counted at present.\n')
})

test('Every command refuses an unknown option with a sentence and its usage', async (t) => {
  const withActions: Readonly<Record<string, readonly string[]>> = {
    migrate: ['status'],
    certificates: ['rewrap'],
    queue: ['list'],
    limits: ['list'],
    keys: ['list'],
    make: ['service'],
  }
  await Promise.all(
    commands.map(async (name) => {
      const { code, output, folder } = await quintet(t, [name, ...(withActions[name] ?? []), '--fast'])
      assert.equal(code, 1, name)
      const [sentence = '', empty, ...usage] = output.split('\n')
      assert.notEqual(sentence, '')
      assert.equal(empty, '', output)
      assert.match(usage.join('\n'), new RegExp(`^ {2}quintet ${name}\\b`, 'm'))
      assert.ok(!existsSync(folder))
    }),
  )
})

for (const words of [
  ['events', '--no-follow'],
  ['backup', '/nowhere/else', '--without-keys'],
  ['restore', '/nowhere/else', '--move-data-aside'],
])
  test(`npm run quintet ${words.join(' ')} is refused with how to give the option, which npm has taken`, async (t) => {
    const npm = run(t, ['run', '--silent', 'quintet', ...words], { DATA_DIR: dataFolder(t) }, root, 'npm')
    await assert.rejects(npm.address('never'))
    assert.equal(npm.child.exitCode, 1)
    const sentence = `npm has taken ${words.at(-1)} for itself. Options follow a --, as in: npm run `
    assert.ok(npm.output().includes(sentence), npm.output())
  })

for (const words of [['config'], ['migrate', 'status'], ['help'], ['queue', 'list']])
  test(`quintet ${words.join(' ')} ends quietly when its reader is gone`, async (t) => {
    const child = spawn(process.execPath, ['quintet.ts', ...words], {
      cwd: root,
      env: { PATH: process.env.PATH, DATA_DIR: join(dataFolder(t), 'data') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let complaints = ''
    child.stderr.on('data', (chunk) => {
      complaints += chunk
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.equal(complaints, '')
  })

test('quintet config marks each invalid value, reports what is wrong, and fails', async (t) => {
  const { code, output } = await quintet(t, ['config'], { GUID_VERSION: '5', LOG_LEVEL: 'debug' })
  assert.equal(code, 1)
  assert.match(output, /^GUID_VERSION +5 +environment, INVALID$/m)
  assert.match(output, /^LOG_LEVEL +debug +environment$/m)
  assert.match(output, /^GUID_VERSION must be 4 or 7, but is "5" \(from the environment\)\.$/m)
})

test('quintet config fits a terminal of 100 columns, and with --json has each value whole', async (t) => {
  const policies = Array.from({ length: 9 }, (_, i) => `"${'x'.repeat(40)}${i}";q=1;w=1`).join(', ')
  const values = {
    RATE_LIMIT: 'on',
    RATE_LIMIT_POLICIES: policies,
    AUTH: 'required',
    AUTH_ISSUER: `https://login.example.com/${'x'.repeat(300)}`,
    AUTH_AUDIENCE: 'x',
    CACHE_URL: 'redis://ada:hidden@127.0.0.1',
  }
  const { code, output } = await quintet(t, ['config'], values)
  assert.equal(code, 0, output)
  for (const line of output.split('\n')) assert.ok(line.length <= 100, line)
  assert.match(
    output,
    /^RATE_LIMIT_POLICIES +environment\n {8}"x+0";q=1;w=1,\n(?: {8}".*\n){8} {4}The limits/m,
  )
  const json = await quintet(t, ['config', '--json'], values)
  const settings = json.output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const shown = (name: string) => settings.find((one) => one.name === name).value
  assert.equal(shown('RATE_LIMIT_POLICIES'), policies)
  assert.equal(shown('AUTH_ISSUER'), values.AUTH_ISSUER)
  assert.equal(shown('CACHE_URL'), 'redis://ada:[redacted]@127.0.0.1')
})

test('quintet queue list shows all queues of the services before their first message, and creates no file', async (t) => {
  const { output, folder } = await quintet(t, ['queue', 'list'])
  for (const name of ['billing_queue', 'certificates.notifications', 'guid.commands'])
    assert.match(output, new RegExp(`^${name} +0 +-$`, 'm'))
  assert.ok(!existsSync(folder))
})

test('quintet queue list shows the queues that it can read, says which it cannot, and fails', async (t) => {
  const { code, output } = await quintet(t, ['queue', 'list'], {
    QUEUE_URL: 'amqp://ada:hidden@127.0.0.1:1',
    CERTIFICATES_QUEUE_URL: 'sqlite:/dev/null/queue.db',
  })
  assert.equal(code, 1)
  assert.match(output, /^guid\.commands +0 +-$/m)
  assert.match(output, /^billing_queue cannot be read: The message broker does not respond\./m)
  assert.doesNotMatch(output, /hidden|at .*\.ts:\d+/)
})

for (const [script, words, start] of [
  ['bench', ['--fast'], "Unknown option '--fast'"],
  ['bench', ['--rounds', 'x'], '--rounds must be a whole number'],
  ['test', ['--fast'], 'There is no option --fast.'],
  ['test', ['slow'], 'There is no group of tests "slow".'],
  ['backends', ['--fast'], "Unknown option '--fast'"],
  ['backends', ['fly'], '"fly" is not a command.'],
  ['test:engines', ['--fast'], "Unknown option '--fast'"],
  ['test', ['guarantees', '--fast'], 'There is no option --fast.'],
  ['nemesis', ['--fast'], "Unknown option '--fast'."],
  ['nemesis', ['--scenario', 'none'], 'No scenario is called "none"; there are: '],
  ['clients', ['--fast'], "Unknown option '--fast'."],
  ['clients', ['guid'], "Unexpected argument 'guid'."],
  ['compose:check', ['--fast'], "Unknown option '--fast'."],
  ['prove', ['one-winner', '--fast'], "Unknown option '--fast'"],
  ['nemesis:recovery', ['--fast'], "Unknown option '--fast'"],
  ['nemesis:recovery', ['--max-ms'], "Option '--max-ms <value>' argument missing"],
  ['nemesis:recovery', ['--faults', 'kil'], '--faults: there is no "kil"; there are kill, stop,'],
  ['nemesis:recovery', ['--engines', 'sqlite', '--faults', 'kill'], 'sqlite has none of these faults'],
  ['check:history', [], 'A file with a history is needed.'],
  ['check:history', ['--fast'], "Unknown option '--fast'"],
] as const)
  test(`npm run ${script} -- ${words.join(' ')} ends with a sentence and the usage`, async (t) => {
    const npm = run(t, ['run', '--silent', script, '--', ...words], {}, root, 'npm')
    await assert.rejects(npm.address('never'))
    assert.equal(npm.child.exitCode, 1)
    const [sentence = '', empty, usage = ''] = npm.output().split('\n')
    assert.ok(sentence.startsWith(start), npm.output())
    assert.equal(empty, '')
    assert.match(usage, new RegExp(`^Usage: npm (?:run )?${script}\\b`))
    assert.doesNotMatch(npm.output(), /^ +at /m)
  })

/** The programs of this repository that package.json runs, but for quintet, which has commands, each with its usage. */
const programs = Object.keys(manifest.scripts).filter((name) =>
  /\b(?!quintet)[\w-]+\.ts\b/.test(manifest.scripts[name] ?? ''),
)

test('The scripts of package.json that run programs of this repository are found', () => {
  for (const name of [
    'backends',
    'bench',
    'check:history',
    'clients',
    'compose:check',
    'nemesis',
    'prove',
    'test',
  ])
    assert.ok(programs.includes(name), name)
  assert.ok(!programs.includes('start') && !programs.includes('lint'))
})

for (const name of programs)
  test(`npm run ${name} -- --help prints the usage alone`, async (t) => {
    const npm = run(t, ['run', '--silent', name, '--', '--help'], {}, root, 'npm')
    await assert.rejects(npm.address('never'))
    assert.equal(npm.child.exitCode, 0, npm.output())
    assert.match(npm.output(), /^Usage: npm (?:run )?[\w:]+/)
    assert.equal(npm.output().split('Usage:').length, 2)
  })

for (const name of serviceNames)
  test(`services/${name}/src/main.ts prints its settings for --help, refuses other arguments, and starts for neither`, async (t) => {
    const main = `services/${name}/src/main.ts`
    const [help, short, other] = await Promise.all(
      [['--help'], ['-h'], ['--help', 'x']].map(async (words) => {
        const command = run(t, [main, ...words], { DATA_DIR: join(dataFolder(t), 'data') })
        await assert.rejects(command.address(name))
        return { code: command.child.exitCode, output: command.output() }
      }),
    )
    assert.equal(help?.code, 0)
    assert.ok(help.output.startsWith(`Usage: node ${main}\n`), help.output)
    for (const setting of Object.keys(services[name].settings.properties))
      assert.match(help.output, new RegExp(`^  ${setting} +\\S.* \\(.*\\)$`, 'm'))
    assert.deepEqual(short, help)
    assert.deepEqual(other, { code: 1, output: `${name} has no argument "--help x".\n\n${help.output}` })
  })

test('npm run check:history fails for each file that cannot be read or has no operations, and says why', async (t) => {
  const folder = dataFolder(t)
  const files = ['absent', 'empty', 'started', 'other'].map((name) => join(folder, name))
  const [, empty = '', started = '', other = ''] = files
  writeFileSync(empty, '')
  writeFileSync(started, '{"history":"register"}\n')
  writeFileSync(other, 'This is no history.\n')
  const npm = run(t, ['run', '--silent', 'check:history', '--', ...files], {}, root, 'npm')
  await assert.rejects(npm.address('never'))
  assert.equal(npm.child.exitCode, 1)
  const lines = npm.output().trimEnd().split('\n')
  for (const [i, file] of files.entries())
    assert.ok(lines[i]?.startsWith(`${file} cannot be checked: `), npm.output())
})

test('quintet events does not create the database that it is to read', async (t) => {
  const { code, output, folder } = await quintet(t, ['events', '--no-follow'])
  assert.equal(code, 1)
  assert.match(output, /^EVENTS_URL is sqlite:.*, but there is no such file\. Start guid, /)
  assert.ok(!existsSync(folder))
})

test('quintet certificates rewrap creates neither a database nor a key', async (t) => {
  const { code, output, folder } = await quintet(t, ['certificates', 'rewrap'])
  assert.equal(code, 1)
  assert.match(output, /^The database of CERTIFICATES_DATABASE_URL does not exist/)
  assert.ok(!existsSync(folder))
})

test('Services that have the same database are refused before any starts, and a shared queue is none of them', async (t) => {
  const folder = dataFolder(t)
  const { code, output } = await quintet(t, ['start'], {
    GUID_DATABASE_URL: `sqlite:${folder}/one.db`,
    INVENTORY_DATABASE_URL: `sqlite:${folder}/../${basename(folder)}/one.db`,
    BILLING_DATABASE_URL: `sqlite:${folder}/queue.db`,
    QUEUE_URL: `sqlite:${folder}/queue.db`,
  })
  assert.equal(code, 1)
  assert.deepEqual(output.trimEnd().split('\n'), [
    `GUID_DATABASE_URL and INVENTORY_DATABASE_URL are the same, sqlite:${folder}/one.db: each service needs a database of its own.`,
    `BILLING_DATABASE_URL and QUEUE_URL are the same, sqlite:${folder}/queue.db: each service needs a database of its own.`,
  ])
})

test('A service that is named twice starts once', async (t) => {
  const started = run(t, ['quintet.ts', 'start', 'inventory', 'inventory'], { DATA_DIR: dataFolder(t) })
  await started.address('inventory')
  assert.equal(started.output().match(/^inventory /gm)?.length, 1)
  assert.equal(await started.kill('SIGTERM'), 0)
})

test('quintet migrate down is refused while the service runs, which stays ready', async (t) => {
  const DATA_DIR = dataFolder(t)
  const service = run(t, ['quintet.ts', 'start', 'inventory'], { DATA_DIR })
  const address = await service.address('inventory')
  const refused = await quintet(t, ['migrate', 'down', 'inventory'], { DATA_DIR })
  assert.equal(refused.code, 1)
  assert.match(refused.output, /^inventory, on sqlite:.*: A service uses .*inventory\.db\. Stop it first\.$/m)
  assert.equal((await fetch(`${address}/health/ready`)).status, 200)
  assert.equal(await service.kill('SIGTERM'), 0)
  const reverted = await quintet(t, ['migrate', 'down', 'inventory'], { DATA_DIR })
  assert.match(
    reverted.output,
    /^inventory: reverted \d{4}-[\w-]+\nThe next start of inventory applies it again\.\n$/,
  )
  const applied = await quintet(t, ['migrate', 'up', 'inventory'], { DATA_DIR })
  assert.match(applied.output, /^inventory: applied \d{4}-[\w-]+\n$/)
})

test('quintet migrate reports a database that fails, goes on with the others, and fails', async (t) => {
  const DATA_DIR = dataFolder(t)
  writeFileSync(join(DATA_DIR, 'brokerage.db'), 'This is not a database. '.repeat(100))
  for (const [action, done] of [
    ['status', '0001-\\S+ pending'],
    ['up', 'applied 0001-'],
  ] as const) {
    const { code, output } = await quintet(t, ['migrate', action], { DATA_DIR })
    assert.equal(code, 1)
    assert.match(output, /^brokerage, on sqlite:.*brokerage\.db: The database file .* cannot be /m)
    for (const name of ['guid', 'certificates', 'inventory', 'billing'])
      assert.match(output, new RegExp(`^${name}: ${done}`, 'm'))
  }
})

test('A migration that fails is reported with its service, its name and the reason, by migrate and at the start', async (t) => {
  const DATA_DIR = dataFolder(t)
  const database = new DatabaseSync(join(DATA_DIR, 'inventory.db'))
  database.exec('create table movies (id integer)')
  database.close()
  for (const words of [
    ['quintet.ts', 'migrate', 'up', 'inventory'],
    ['quintet.ts', 'start'],
    ['services/inventory/src/main.ts'],
  ]) {
    const command = run(t, words, { DATA_DIR })
    await assert.rejects(command.address('never'))
    assert.equal(command.child.exitCode, 1)
    assert.match(command.output(), /^inventory, migration 0001-[\w-]+: table "movies" already exists\n$/)
  }
})

test('quintet config shows a setting once for each default that services have', async (t) => {
  const own = (output: string) => output.match(/^TRUSTED_PROXIES .*\n.*$/gm) ?? []
  const { output } = await quintet(t, ['config'])
  const lines = own(output)
  assert.equal(lines.length, 2)
  assert.ok(lines.some((line) => /^TRUSTED_PROXIES +none +default\n {4}gateway: /.test(line)))
  assert.ok(
    lines.some((line) => /^TRUSTED_PROXIES +127\.0\.0\.1, ::1 +default\n {4}guid, .*billing: /.test(line)),
  )
  const set = await quintet(t, ['config'], { TRUSTED_PROXIES: '10.0.0.1' })
  assert.equal(own(set.output).length, 1)
})
