import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { serviceNames } from '@quintet/contracts/topology'
import { nextRelease } from '../deploy/release/version.ts'

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const changelogOf = (notes: string) =>
  `# Changelog\n\n## Unreleased\n\n${notes}\n\n## 1.2.3 - 2026-01-01\n\n### Removed\n\n- a\n`
const versionOf = (notes: string, current = '1.2.3') =>
  nextRelease(changelogOf(notes), current, false, '2026-11-30').version

test('Repairs alone make a patch, additions and changes a minor version, and what breaks a major one', () => {
  assert.equal(versionOf('### Fixed\n\n- a\n\n### Security\n\n- b'), '1.2.4')
  assert.equal(versionOf('### Fixed\n\n- a\n\n### Added\n\n- b'), '1.3.0')
  assert.equal(versionOf('### Changed\n\n- a'), '1.3.0')
  assert.equal(versionOf('### Changed\n\n- **Breaking**: a'), '2.0.0')
  assert.equal(versionOf('### Removed\n\n- a'), '2.0.0')
})

test('Before 1.0.0, what breaks makes a minor version', () => {
  assert.equal(versionOf('### Removed\n\n- a', '0.4.2'), '0.5.0')
  assert.equal(versionOf('### Fixed\n\n- **Breaking**: a', '0.4.2'), '0.5.0')
  assert.equal(versionOf('### Fixed\n\n- a', '0.4.2'), '0.4.3')
})

test('The first release has the current version', () => {
  assert.equal(nextRelease(changelogOf('### Added\n\n- a'), '0.1.0', true, '2026-11-30').version, '0.1.0')
})

test('The entries of a release move below its heading, and are its notes', () => {
  const { changelog, notes } = nextRelease(changelogOf('### Added\n\n- a'), '1.2.3', false, '2026-11-30')
  assert.equal(notes, '### Added\n\n- a')
  assert.equal(changelog, changelogOf('## 1.3.0 - 2026-11-30\n\n### Added\n\n- a'))
})

test('Without unreleased entries there is no release', () => {
  assert.throws(() => versionOf(''), /lists nothing as unreleased/)
  assert.throws(() => nextRelease('# Changelog\n', '1.2.3', false, '2026-11-30'), /no heading/)
  assert.throws(() => versionOf('### Added\n\n- a', '1.2'), /none of semantic versioning/)
})

test('All packages and the OpenAPI documents have one version', () => {
  const { version } = JSON.parse(read('package.json'))
  for (const file of globSync(['{.,*}/package.json', 'services/*/package.json'], {
    cwd: new URL('..', import.meta.url),
  }))
    assert.equal(JSON.parse(read(file)).version, version, file)
  for (const name of serviceNames)
    assert.equal(JSON.parse(read(`contracts/openapi/${name}.json`)).info.version, version)
  assert.ok(read('chassis/src/http/documentation/app.ts').includes(`version: '${version}'`))
})
