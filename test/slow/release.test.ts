import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

const program = new URL('../../deploy/release/run.ts', import.meta.url).pathname

test('npm run release commits, tags and lists the packages, and changes nothing with --dry-run', (t) => {
  const repository = makeRepository(t)
  const dry = run(repository, '--dry-run')
  assert.match(dry.stdout, /^v0\.1\.1, 1 commits after v0\.1\.0\n### Fixed\n/)
  assert.equal(git(repository, 'log', '--format=%s', '-1'), 'a repair')
  const { stdout, stderr, status } = run(repository)
  assert.equal(status, 0, stderr)
  assert.match(stdout, /git push origin HEAD v0\.1\.1/)
  assert.equal(git(repository, 'log', '--format=%s', '-1'), 'Release 0.1.1')
  assert.equal(git(repository, 'describe', '--exact-match'), 'v0.1.1')
  assert.match(git(repository, 'tag', '--list', '--format=%(contents)', 'v0.1.1'), /### Fixed\n\n- a fault/)
  const read = (file: string) => JSON.parse(readFileSync(join(repository, file), 'utf8'))
  assert.deepEqual(read('chassis/package.json').version, '0.1.1')
  assert.deepEqual(read('services/guid/package.json').dependencies, { '@quintet/chassis': '0.1.1' })
  const { packages } = read('package-lock.json')
  assert.deepEqual(
    [packages[''].version, packages['services/guid'].version, packages['node_modules/other'].version],
    ['0.1.1', '0.1.1', '0.1.0'],
  )
  assert.equal(read('contracts/openapi/guid.json').info.version, '0.1.1')
  assert.equal(read('dist/quintet-0.1.1.cdx.json').bomFormat, 'CycloneDX')
  assert.equal(git(repository, 'status', '--porcelain'), '')
})

test('npm run release refuses a repository with changes, and an option that it does not have', (t) => {
  const repository = makeRepository(t)
  writeFileSync(join(repository, 'CHANGELOG.md'), '# Changelog\n')
  assert.deepEqual(
    [run(repository).status, run(repository).stderr],
    [1, 'There are changes that are not committed:\nM CHANGELOG.md\n'],
  )
  const wrong = run(repository, '--publish')
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /--publish[\s\S]*Usage/)
})

/** A repository with a release 0.1.0 and a repair after it. */
function makeRepository(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'release-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const write = (file: string, text: string) => {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const quintet = { name: 'quintet', version: '0.1.0', private: true, workspaces: ['chassis', 'services/*'] }
  const chassis = { name: '@quintet/chassis', version: '0.1.0' }
  const guid = { name: '@quintet/guid', version: '0.1.0', dependencies: { '@quintet/chassis': '0.1.0' } }
  write('package.json', JSON.stringify(quintet))
  write('chassis/package.json', JSON.stringify(chassis))
  write('services/guid/package.json', JSON.stringify(guid))
  write('contracts/openapi/guid.json', JSON.stringify({ openapi: '3.1.0', info: { version: '0.1.0' } }))
  write(
    'package-lock.json',
    JSON.stringify({
      name: 'quintet',
      version: '0.1.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': quintet,
        chassis,
        'services/guid': guid,
        'node_modules/@quintet/chassis': { resolved: 'chassis', link: true },
        'node_modules/@quintet/guid': { resolved: 'services/guid', link: true },
        'node_modules/other': { version: '0.1.0', extraneous: true },
      },
    }),
  )
  write('.gitignore', 'dist/\n')
  write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n### Fixed\n\n- a fault\n\n## 0.1.0 - 2026-01-01\n')
  git(folder, 'init', '--quiet')
  git(folder, 'add', '.')
  git(folder, 'commit', '--quiet', '--message', 'the first version')
  git(folder, 'tag', 'v0.1.0')
  git(folder, 'commit', '--quiet', '--allow-empty', '--message', 'a repair')
  return folder
}

function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
  return execFileSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' }).trim()
}

/** Without Docker in its path, so that no image is built. */
function run(folder: string, ...args: string[]) {
  const env = {
    ...process.env,
    DOCKER_HOST: 'unix:///nowhere',
    GIT_AUTHOR_NAME: 'test',
    GIT_AUTHOR_EMAIL: 'test@example.com',
    GIT_COMMITTER_NAME: 'test',
    GIT_COMMITTER_EMAIL: 'test@example.com',
  }
  return spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env,
  })
}
