import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { quintet, worldWithBackup } from '../system/backup-world.ts'
import { call, dataFolder, root, run } from '../system/processes.ts'

test('After a restore no ETag and no id is used again that was given out after the backup', async (t) => {
  const { gateway, system, DATA_DIR, folder } = await worldWithBackup(t)
  const put = async (at: string, title: string) =>
    (await call('PUT', `${at}/api/movies/1`, { title }))?.headers.get('etag')
  const create = async (at: string) =>
    Object((await call('POST', `${at}/api/movies`, { title: 'more', description: '' }))?.body).id
  const tags = [await put(gateway, 'after'), await put(gateway, 'later')]
  const id = await create(gateway)
  await system.kill('SIGTERM')
  const words = ['restore', join(folder, 'backup'), '--move-data-aside']
  assert.equal((await quintet(t, words, { DATA_DIR })).code, 0)
  const again = await run(t, ['quintet.ts', 'start'], { DATA_DIR }).address('gateway')
  const first = await call('GET', `${again}/api/movies/1`)
  assert.equal(Object(first?.body).title, 'before')
  assert.ok(!tags.includes(first?.headers.get('etag')))
  assert.ok(!tags.includes(await put(again, 'other')))
  assert.ok((await create(again)) > id)
  const stale = await fetch(`${again}/api/movies/1`, {
    method: 'PUT',
    headers: { 'if-match': String(tags[1]), 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'lost' }),
  })
  assert.equal(stale.status, 412)
})

test('After a restore a position of an event that was undone is refused, also once there are more events than before', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  const system = run(t, ['quintet.ts', 'start', 'guid', 'gateway'], { DATA_DIR })
  const gateway = await system.address('gateway')
  const register = (at: string) => call('POST', `${at}/guid`, { user: 'ada' })
  const positions = async (at: string, after: number) => {
    const page = await call('GET', `${at}/guid-events?after=${after}`)
    return { status: page?.status, body: page?.body }
  }
  const backedUp = 2
  for (let count = 0; count < backedUp; count++) await register(gateway)
  await until(async () => Object((await positions(gateway, 0)).body).length === backedUp)
  assert.equal((await quintet(t, ['backup', join(folder, 'backup')], { DATA_DIR })).code, 0)
  for (let count = 0; count < 3; count++) await register(gateway)
  await until(async () => Object((await positions(gateway, backedUp)).body).length === 3)
  await system.kill('SIGTERM')
  const words = ['restore', join(folder, 'backup'), '--move-data-aside']
  assert.equal((await quintet(t, words, { DATA_DIR })).code, 0)
  const again = await run(t, ['quintet.ts', 'start', 'guid', 'gateway'], { DATA_DIR }).address('gateway')
  for (let count = 0; ; count++) {
    for (const after of [backedUp + 1, backedUp + 3]) {
      const refused = await positions(again, after)
      assert.equal(refused.status, 400)
      assert.match(Object(refused.body).errors.after, new RegExp(`must be at most ${backedUp},`))
      const stream = await fetch(`${again}/guid-events`, {
        headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
      })
      assert.equal(stream.status, 400)
      const printed = await quintet(t, ['events', '--no-follow', '--after', String(after)], { DATA_DIR })
      assert.equal(printed.code, 1)
      assert.match(printed.output, new RegExp(`^--after must be at most ${backedUp},`))
    }
    if (count === 1) break
    for (let more = 0; more < 5; more++) await register(again)
    await until(async () => Object((await positions(again, backedUp)).body).length === 5)
  }
  assert.equal(Object((await positions(again, 0)).body).length, backedUp + 5)
})

test('Every version that counts from 1 is raised by a restore', async (t) => {
  const { folder } = await worldWithBackup(t)
  const DATA_DIR = join(folder, 'restored')
  await quintet(t, ['restore', join(folder, 'backup')], { DATA_DIR })
  for (const [file, texts] of [
    ['brokerage.db', ['select version from account']],
    ['certificates.db', ['select version from user', 'select version from certificate']],
    ['inventory.db', ['select version from movies', 'select keyed_version from movies']],
  ] as const) {
    const database = new DatabaseSync(join(DATA_DIR, file), { readOnly: true })
    for (const text of texts) {
      const [row] = database.prepare(text).all()
      assert.ok(Number(Object.values(row ?? {})[0]) > 100_000, `${file}: ${text}`)
    }
    const versioned = database
      .prepare(
        "select m.name from sqlite_master m join pragma_table_info(m.name) c on c.name = 'version' where m.type = 'table'",
      )
      .all()
    assert.deepEqual(
      versioned.map(({ name }) => `select version from ${name}`).sort(),
      texts.filter((text) => text.startsWith('select version')).sort(),
    )
    database.close()
  }
})

test('A service that was started as the only one keeps its cache through a backup', async (t) => {
  const { inventory } = await worldWithBackup(t)
  for (let i = 0; i < 3; i++) await call('GET', `${inventory}/api/movies/1`)
  const metrics = await (await fetch(`${inventory}/metrics`)).text()
  assert.match(metrics, /^quintet_cache_reads_total\{(?=[^}]*result="hit")[^}]*\} [1-9]/m)
})

for (const { title, words = [], prepare, message } of [
  { title: 'without a folder', words: [], message: /^quintet backup needs one folder:/ },
  { title: 'with two folders', words: ['a', 'b'], message: /^quintet backup needs one folder:/ },
  { title: 'with another option', words: ['a', '--force'], message: /There is no option --force\./ },
  {
    title: 'to a folder that exists',
    words: ['FOLDER/here'],
    prepare: (folder: string) => mkdirSync(join(folder, 'here')),
    message: /here exists already: name a folder that does not exist/,
  },
  {
    title: 'to a folder in the data',
    words: ['DATA/backup'],
    message: /backup is in .*, which has the data/,
  },
  {
    title: 'below a folder that is absent',
    words: ['FOLDER/no/backup'],
    message: /there is no folder .*\/no: create it/,
  },
  {
    title: 'of a database that is damaged',
    words: ['FOLDER/backup'],
    prepare: (_: string, data: string) => writeFileSync(join(data, 'guid.db'), 'no database '.repeat(100)),
    message: /guid\.db cannot be used, since it is no SQLite database/,
  },
  {
    title: 'where nothing is embedded yet',
    words: ['FOLDER/backup'],
    prepare: (_: string, data: string) => rmSync(data, { recursive: true }),
    message: /There is no embedded database to back up\.\nDATA_DIR is \/.*data\./,
  },
])
  test(`A backup ${title} is refused, and leaves nothing`, async (t) => {
    const folder = dataFolder(t)
    const DATA_DIR = join(folder, 'data')
    mkdirSync(DATA_DIR)
    new DatabaseSync(join(DATA_DIR, 'guid.db')).exec('create table t (x)')
    prepare?.(folder, DATA_DIR)
    const before = readdirSync(folder, { recursive: true }).sort()
    const given = words.map((word) => word.replace('FOLDER', folder).replace('DATA', DATA_DIR))
    const { code, output } = await quintet(t, ['backup', ...given], { DATA_DIR })
    assert.equal(code, 1)
    assert.match(output, message)
    assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), before)
  })

test('A backup that is interrupted, or for which the disk has no room, leaves no folder with its name', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  mkdirSync(DATA_DIR)
  fill(join(DATA_DIR, 'guid.db'))
  // A limit of the size of files is met as a full disk is, by a write that fails.
  const words = [
    '-c',
    'trap "" XFSZ; ulimit -f 1000; exec "$@"',
    'sh',
    process.execPath,
    'quintet.ts',
    'backup',
  ]
  const limited = run(t, [...words, join(folder, 'backup')], { DATA_DIR }, undefined, '/bin/sh')
  await once(limited.child, 'close')
  assert.equal(limited.child.exitCode, 1, limited.output())
  assert.deepEqual(readdirSync(folder), ['data'])

  const interrupted = run(t, ['quintet.ts', 'backup', join(folder, 'backup')], { DATA_DIR })
  while (!readdirSync(folder).some((name) => name.startsWith('backup.partial-')))
    await new Promise((resolve) => setTimeout(resolve, 1))
  await interrupted.kill('SIGTERM')
  assert.deepEqual(readdirSync(folder), ['data'])
})

/** Has a backup of one small database, made once and copied by each test that needs it. */
const template = mkdtempSync(join(tmpdir(), 'quintet-backup-'))
after(() => rmSync(template, { recursive: true, force: true }))

function copySmallBackup(to: string): void {
  const DATA_DIR = join(template, 'data')
  const backup = join(template, 'backup')
  if (!existsSync(backup)) {
    mkdirSync(DATA_DIR)
    fill(join(DATA_DIR, 'guid.db'), 1)
    const made = spawnSync(process.execPath, ['quintet.ts', 'backup', backup], {
      cwd: root,
      env: { DATA_DIR },
    })
    assert.equal(made.status, 0, String(made.stderr))
  }
  cpSync(backup, to, { recursive: true })
}

const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
const changeManifest = (folder: string, change: (manifest: ReturnType<typeof manifestOf>) => void) => {
  const { sha256: _, ...manifest } = manifestOf(folder)
  change(manifest)
  const sha256 = createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, sha256 }))
}

for (const { title, change = () => {}, data = () => {}, settings = {}, message } of [
  {
    title: 'without a manifest',
    change: (backup: string) => rmSync(join(backup, 'manifest.json')),
    message: /is no backup: there is no .*manifest\.json/,
  },
  {
    title: 'with a damaged manifest',
    change: (backup: string) => appendFileSync(join(backup, 'manifest.json'), 'x'),
    message: /manifest\.json is damaged/,
  },
  {
    title: 'whose manifest names a path',
    change: (backup: string) =>
      changeManifest(backup, ({ databases }) => {
        databases[0].file = '../data/guid.db'
      }),
    message: /manifest\.json is damaged/,
  },
  {
    title: 'of a later format',
    change: (backup: string) =>
      changeManifest(backup, (manifest) => Object.assign(manifest, { format: 3, quintet: '9.0' })),
    message: /has format 3, of a later version of Quintet: restore it with the version that made it/,
  },
  {
    title: 'of a later version of the tables',
    change: (backup: string) =>
      changeManifest(backup, ({ databases }) => {
        databases[0].migrations.push('0099-later')
      }),
    message: /guid\.db is of a later version, .*, since it has 0099-later/,
  },
  ...['2026-99-99T99:99:99.999Z', '2026-02-30T00:00:00.000Z', '0001-01-01T00:00:00.000Z'].map((time) => ({
    title: `of ${time}`,
    change: (backup: string) => changeManifest(backup, (manifest) => Object.assign(manifest, { time })),
    message: /manifest\.json is damaged/,
  })),
  ...[
    ['a time', (text: string) => text.replace(/"time": "20\d\d/, '"time": "2024')],
    ['its hash', (text: string) => text.replace(/,\s+"sha256": "\w+"\s+\}\s*$/, '}')],
    ['its format', (text: string) => text.replace('"format": 2', '"format": 1')],
    ['a member', (text: string) => text.replace('"size"', '"sise"')],
  ].map(([what, change]) => ({
    title: `whose manifest has lost ${what}`,
    change: (backup: string) => {
      const path = join(backup, 'manifest.json')
      const before = readFileSync(path, 'utf8')
      assert.ok(typeof change === 'function')
      assert.notEqual(change(before), before)
      writeFileSync(path, change(before))
    },
    message: /manifest\.json is damaged/,
  })),
  {
    title: 'whose manifest would control the terminal',
    change: (backup: string) =>
      changeManifest(backup, ({ databases }) => {
        databases[0].file = 'guid.db\u001b[2J'
      }),
    message: /manifest\.json is damaged/,
  },
  ...['guid.db', 'manifest.json'].flatMap((file) => [
    {
      title: `whose ${file} is a link`,
      change: (backup: string) => {
        renameSync(join(backup, file), join(backup, '..', file))
        symlinkSync(join(backup, '..', file), join(backup, file))
      },
      message: /is no regular file, as all files of a backup are/,
    },
    {
      title: `whose ${file} is a pipe`,
      change: (backup: string) => {
        rmSync(join(backup, file))
        assert.equal(spawnSync('mkfifo', [join(backup, file)]).status, 0)
      },
      message: /is no regular file, as all files of a backup are/,
    },
    {
      title: `whose ${file} is a folder`,
      change: (backup: string) => {
        rmSync(join(backup, file))
        mkdirSync(join(backup, file))
      },
      message: /is no regular file, as all files of a backup are/,
    },
  ]),
  {
    title: 'that has several faults',
    change: (backup: string) => {
      appendFileSync(join(backup, 'guid.db'), 'x')
      changeManifest(backup, (manifest) => {
        manifest.time = '2999-01-01T00:00:00.000Z'
        manifest.databases[0].migrations.push('0099-later')
        manifest.databases.push({ ...manifest.databases[0], file: 'lost.db', settings: ['ELSEWHERE_URL'] })
      })
    },
    message:
      /guid\.db has other content.*\n.*lost\.db is missing.*\nlost\.db has no place.*\nguid\.db is of a later version.*\nThe clock is behind.*\nNothing was changed\.\n$/,
  },
  {
    title: 'that lacks a file',
    change: (backup: string) => rmSync(join(backup, 'guid.db')),
    message: /The backup is not whole: .*guid\.db is missing/,
  },
  {
    title: 'with a changed file',
    change: (backup: string) => appendFileSync(join(backup, 'guid.db'), 'x'),
    message: /The backup is damaged: .*guid\.db has other content/,
  },
  {
    title: 'of the future',
    change: (backup: string) =>
      changeManifest(backup, (manifest) => Object.assign(manifest, { time: '2999-01-01T00:00:00.000Z' })),
    message: /The clock is behind the time of the backup/,
  },
  {
    title: 'over data',
    data: (folder: string) => writeFileSync(join(folder, 'billing.db'), ''),
    message: /There is data already: .*billing\.db\. .*--move-data-aside/,
  },
  {
    title: 'over what is left of a database',
    data: (folder: string) => writeFileSync(join(folder, 'guid.db-wal'), ''),
    message: /There is data already: .*guid\.db-wal\./,
  },
  {
    title: 'of what is on an engine now',
    settings: { GUID_DATABASE_URL: 'postgres://user:password@localhost/guid_db' },
    message: /guid\.db has no place, since GUID_DATABASE_URL must be sqlite:/,
  },
])
  test(`A restore ${title} is refused, and changes nothing`, async (t) => {
    const folder = dataFolder(t)
    const DATA_DIR = join(folder, 'data')
    const backup = join(folder, 'backup')
    mkdirSync(DATA_DIR)
    copySmallBackup(backup)
    change(backup)
    data(DATA_DIR)
    const { code, output } = await quintet(t, ['restore', backup], { DATA_DIR, ...settings })
    assert.equal(code, 1)
    assert.match(output, message)
    assert.equal(existsSync(join(DATA_DIR, 'guid.db')), false)
    assert.equal(existsSync(join(DATA_DIR, 'guid.db.restoring')), false)
  })

test('A backup of the first format, whose manifest has no hash of itself, is restored', async (t) => {
  const { folder } = await worldWithBackup(t)
  const { sha256: _, ...manifest } = manifestOf(join(folder, 'backup'))
  writeFileSync(join(folder, 'backup', 'manifest.json'), JSON.stringify({ ...manifest, format: 1 }))
  const { code, output } = await quintet(t, ['restore', join(folder, 'backup')], {
    DATA_DIR: join(folder, 'restored'),
  })
  assert.equal(code, 0, output)
})

test('A restore says which key is missing, and which one is in its place', async (t) => {
  const { DATA_DIR, folder } = await worldWithBackup(t)
  const words = ['backup', join(folder, 'keyless'), '--without-keys']
  assert.equal((await quintet(t, words, { DATA_DIR })).code, 0)
  const restored = { DATA_DIR: join(folder, 'restored') }
  const { code, output } = await quintet(t, ['restore', join(folder, 'keyless')], restored)
  assert.equal(code, 0, output)
  assert.match(output, /The key file .*restored\/certificates\.key is missing, but private keys are stored/)
  assert.ok(!existsSync(join(restored.DATA_DIR, 'certificates.key')))

  const other = { DATA_DIR: join(folder, 'other') }
  mkdirSync(other.DATA_DIR)
  writeFileSync(join(other.DATA_DIR, 'certificates.key'), 'ab'.repeat(32))
  const wrong = await quintet(t, ['restore', join(folder, 'keyless')], other)
  assert.match(wrong.output, /encrypted with the key \w+, which is not among those given/)
  cpSync(join(DATA_DIR, 'certificates.key'), join(folder, 'certificates.key'))
  rmSync(other.DATA_DIR, { recursive: true })
  mkdirSync(other.DATA_DIR)
  cpSync(join(folder, 'certificates.key'), join(other.DATA_DIR, 'certificates.key'))
  const right = await quintet(t, ['restore', join(folder, 'keyless')], other)
  assert.doesNotMatch(right.output, /key/)
})

test('A restore says at once that data is there and that a service runs', async (t) => {
  const { DATA_DIR, folder } = await worldWithBackup(t)
  const { code, output } = await quintet(t, ['restore', join(folder, 'backup')], { DATA_DIR })
  assert.equal(code, 1)
  assert.match(
    output,
    /^There is data already: .*\n(A service uses .*\. Stop it first\.\n)+Nothing was changed\.\n$/,
  )
})

test('A restore while a service runs is refused, and the service goes on', async (t) => {
  const { gateway, DATA_DIR, folder } = await worldWithBackup(t)
  const words = ['restore', join(folder, 'backup'), '--move-data-aside']
  const { code, output } = await quintet(t, words, { DATA_DIR })
  assert.equal(code, 1)
  assert.match(output, /A service uses .*\.db\. Stop it first\./)
  assert.equal((await call('PUT', `${gateway}/api/movies/1`, { title: 'on' }))?.status, 200)
})

test('After a restore that was interrupted no service starts on what it left, until it is run again', async (t) => {
  const { system, DATA_DIR, folder } = await worldWithBackup(t)
  await system.kill('SIGTERM')
  const backup = join(folder, 'backup')
  // As when the machine stops after the first database is in its place.
  for (const file of readdirSync(DATA_DIR).filter((name) => name.includes('.db')))
    rmSync(join(DATA_DIR, file))
  cpSync(join(backup, 'guid.db'), join(DATA_DIR, 'guid.db'))
  cpSync(join(backup, 'queue.db'), join(DATA_DIR, 'queue.db.restoring'))
  const { code, output } = await quintet(t, ['start', 'guid'], { DATA_DIR })
  assert.equal(code, 1)
  const refusal = /queue\.db\.restoring is of a restore that has not ended.*run quintet restore again/
  assert.match(output, refusal)
  for (const words of [
    ['backup', join(folder, 'half')],
    ['doctor'],
    ['queue', 'list'],
    ['events', '--no-follow'],
  ]) {
    const refused = await quintet(t, words, { DATA_DIR })
    assert.equal(refused.code, 1, words.join(' '))
    assert.match(refused.output, refusal)
  }
  assert.ok(!existsSync(join(folder, 'half')))
  const again = await quintet(t, ['restore', backup, '--move-data-aside'], { DATA_DIR })
  assert.equal(again.code, 0, again.output)
  assert.ok(!readdirSync(DATA_DIR).some((name) => name.endsWith('.restoring')))
  const gateway = await run(t, ['quintet.ts', 'start'], { DATA_DIR }).address('gateway')
  assert.equal(Object((await call('GET', `${gateway}/api/movies/1`))?.body).title, 'before')
})

for (const [of, left, words] of [
  ['a database that another backup lacks', 'brokerage.db', []],
  ['a key that another backup lacks', 'certificates.key', ['--without-keys']],
  ['a key that is in its place', 'certificates.key', []],
] as const)
  test(`A restore ends an earlier one that was interrupted and has left the copy of ${of}`, async (t) => {
    const { system, DATA_DIR, folder } = await worldWithBackup(t)
    const second = join(folder, 'second')
    await system.kill('SIGTERM')
    const interrupted = join(DATA_DIR, `${left}.restoring`)
    cpSync(join(DATA_DIR, left), join(folder, left))
    if (left === 'brokerage.db') rmSync(join(DATA_DIR, left))
    assert.equal((await quintet(t, ['backup', second, ...words], { DATA_DIR })).code, 0)
    cpSync(join(folder, left), interrupted)
    writeFileSync(`${interrupted}-journal`, 'of an interrupted change')

    const refused = await quintet(t, ['restore', second], { DATA_DIR })
    assert.equal(refused.code, 1)
    assert.match(refused.output, new RegExp(`There is data already: .*${left}\\.restoring`))
    const restored = await quintet(t, ['restore', second, '--move-data-aside'], { DATA_DIR })
    assert.equal(restored.code, 0, restored.output)
    assert.ok(!readdirSync(DATA_DIR).some((name) => name.includes('.restoring')))
    const [, aside = ''] = /What was there before is in (.*)/.exec(restored.output) ?? []
    assert.deepEqual(readFileSync(join(aside, `${left}.restoring`)), readFileSync(join(folder, left)))
    const again = await quintet(t, ['backup', join(folder, 'third')], { DATA_DIR })
    assert.equal(again.code, 0, again.output)
    await run(t, ['quintet.ts', 'start'], { DATA_DIR }).address('gateway')
  })

test('A restore does not apply the journal of the copy that an interrupted one has left', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  const backup = join(folder, 'backup')
  mkdirSync(DATA_DIR)
  copySmallBackup(backup)
  const draft = join(DATA_DIR, 'guid.db.restoring')
  const changed = new DatabaseSync(join(backup, 'guid.db'))
  changed.exec('pragma journal_mode = wal; create table of_interrupted_restore (x)')
  cpSync(join(backup, 'guid.db-wal'), `${draft}-wal`)
  changed.close()
  rmSync(backup, { recursive: true })
  copySmallBackup(backup)
  const { code, output } = await quintet(t, ['restore', backup], { DATA_DIR })
  assert.equal(code, 0, output)
  const restored = new DatabaseSync(join(DATA_DIR, 'guid.db'))
  assert.equal(
    restored.prepare("select 1 from sqlite_master where name = 'of_interrupted_restore'").get(),
    undefined,
  )
  restored.close()
  assert.ok(!readdirSync(DATA_DIR).some((name) => name.includes('.restoring')))
})

test('A restore that fails halfway puts back what was there', {
  skip: process.getuid?.() === 0 && 'the superuser may write anywhere',
}, async (t) => {
  const { system, DATA_DIR, folder } = await worldWithBackup(t)
  await system.kill('SIGTERM')
  const elsewhere = join(folder, 'elsewhere')
  mkdirSync(join(elsewhere, 'locks'), { recursive: true, mode: 0o700 })
  const settings = { DATA_DIR, QUEUE_URL: `sqlite:${elsewhere}/queue.db` }
  chmodSync(elsewhere, 0o500)
  const before = readdirSync(DATA_DIR).sort()
  const words = ['restore', join(folder, 'backup'), '--move-data-aside']
  const { code } = await quintet(t, words, settings).finally(() => chmodSync(elsewhere, 0o700))
  assert.equal(code, 1)
  assert.deepEqual(readdirSync(DATA_DIR).sort(), before)
})

test('A backup without keys says that no private key can be read without them', async (t) => {
  const { DATA_DIR, folder } = await worldWithBackup(t)
  const { code, output } = await quintet(t, ['backup', join(folder, 'second'), '--without-keys'], {
    DATA_DIR,
  })
  assert.equal(code, 0)
  assert.match(output, /Not in it: .*certificates\.key\. Without its key no stored private key can be read\./)
  assert.deepEqual(manifestOf(join(folder, 'second')).keys, [])
  assert.ok(!existsSync(join(folder, 'second', 'certificates.key')))
})

test('A backup has the quotas, and after a restore of it they are as they were', async (t) => {
  const folder = dataFolder(t)
  const settings = {
    DATA_DIR: join(folder, 'data'),
    RATE_LIMIT: 'on',
    RATE_LIMIT_POLICIES: '"total";q=100;kind="quota";per="month";by="all"',
  }
  /** Sends requests, and returns how many more there may be. */
  async function spend(count: number): Promise<string | undefined> {
    const gateway = run(t, ['quintet.ts', 'start', 'gateway', 'inventory'], settings)
    const url = `${await gateway.address('gateway')}/api/movies`
    let remaining: string | undefined
    for (let i = 0; i < count; i += 1)
      remaining = /;r=(\d+)/.exec((await call('GET', url))?.headers.get('ratelimit') ?? '')?.[1]
    assert.equal(await gateway.kill('SIGTERM'), 0)
    return remaining
  }
  assert.equal(await spend(3), '97')
  const backup = join(folder, 'backup')
  assert.equal((await quintet(t, ['backup', backup], settings)).code, 0)
  assert.deepEqual(
    manifestOf(backup).databases.map(({ file }: { file: string }) => file),
    ['inventory.db', 'queue.db', 'quota.db'],
  )
  assert.equal(await spend(10), '87')
  const restored = await quintet(t, ['restore', backup, '--move-data-aside'], settings)
  assert.equal(restored.code, 0, restored.output)
  assert.equal(await spend(1), '96')
})

test('A backup names what is not embedded, and the tool for it', async (t) => {
  const { DATA_DIR, folder } = await worldWithBackup(t)
  const settings = {
    DATA_DIR,
    INVENTORY_DATABASE_URL: 'postgres://user:secret@localhost/movies_db',
    RATE_LIMIT: 'on',
    RATE_LIMIT_QUOTA_URL: 'postgres://user:secret@localhost/quotas',
  }
  const { code, output } = await quintet(t, ['backup', join(folder, 'second')], settings)
  assert.equal(code, 0)
  for (const setting of ['INVENTORY_DATABASE_URL', 'RATE_LIMIT_QUOTA_URL'])
    assert.match(
      output,
      new RegExp(`^${setting} is not embedded, so it is not in the backup: use pg_dump`, 'm'),
    )
  assert.ok(!output.includes('secret@') && !existsSync(join(folder, 'second', 'inventory.db')))
})

function fill(path: string, count = 20_000): void {
  const database = new DatabaseSync(path)
  database.exec(`create table t (x);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
    insert into t select printf('%0400d', i) from n`)
  database.close()
}
