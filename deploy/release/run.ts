import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseCommandLine, runProgram } from '@quintet/backends/command-line'
import { nextRelease } from './version.ts'

/** Makes a release of the repository in the working directory; see docs/deploying/pipelines.md. */

const usage = `Usage: npm run release -- [--dry-run]

Makes a release of the commit that is checked out: computes the version from what CHANGELOG.md lists as unreleased, enters it there and in
the packages, commits and tags that, writes a software bill of materials (CycloneDX) to dist, and builds the image where Docker runs.
Nothing leaves this machine. --dry-run says what would be done, and changes nothing.`

/** Files besides package.json and package-lock.json that have the version. */
const withVersion = ['chassis/src/http/documentation/app.ts', 'contracts/openapi/*.json']

await runProgram(usage, (args) => {
  const { values } = parseCommandLine({
    args: [...args],
    options: { 'dry-run': { type: 'boolean', default: false } },
  })
  release(values['dry-run'] === true)
  return true
})

function release(dryRun: boolean): void {
  const changes = git('status', '--porcelain')
  if (changes !== '') throw new Error(`There are changes that are not committed:\n${changes}`)
  const { version: current }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'))
  const tags = git('tag', '--list', 'v*')
  const today = new Date().toISOString().slice(0, 10)
  const isFirst = tags === ''
  const { version, changelog, notes } = nextRelease(
    readFileSync('CHANGELOG.md', 'utf8'),
    current,
    isFirst,
    today,
  )
  const tag = `v${version}`
  if (tags.split('\n').includes(tag)) throw new Error(`The tag ${tag} exists.`)
  const commits = git('rev-list', '--count', isFirst ? 'HEAD' : `v${current}..HEAD`)
  process.stdout.write(`${tag}, ${commits} commits ${isFirst ? 'in all' : `after v${current}`}\n`)
  if (dryRun) {
    process.stdout.write(`${notes}\n`)
    return
  }
  writeFileSync('CHANGELOG.md', changelog)
  enterVersion(current, version)
  git('commit', '--quiet', '--all', '--message', `Release ${version}`)
  git('tag', '--annotate', tag, '--cleanup=verbatim', '--message', `Release ${version}\n\n${notes}`)
  writeBillOfMaterials(version)
  buildImage(version)
  process.stdout.write(`To publish it: git push origin HEAD ${tag}\n`)
}

function enterVersion(current: string, version: string): void {
  for (const file of git('ls-files', 'package.json', '*/package.json').split('\n')) {
    const manifest: Manifest = JSON.parse(readFileSync(file, 'utf8'))
    setVersion(manifest, version)
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
  }
  const lock: { version: string; packages: Record<string, Manifest> } = JSON.parse(
    readFileSync('package-lock.json', 'utf8'),
  )
  lock.version = version
  for (const [path, manifest] of Object.entries(lock.packages))
    if (!path.includes('node_modules/')) setVersion(manifest, version)
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
  for (const file of globSync(withVersion)) {
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      text.replace(/(?<=\bversion"?: ?['"])[\d.]+(?=['"])/, (found) => (found === current ? version : found)),
    )
  }
}

type Manifest = {
  version?: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

/** The packages of the repository have one version, by which they also name each other. */
function setVersion(manifest: Manifest, version: string): void {
  manifest.version = version
  for (const dependencies of [manifest.dependencies ?? {}, manifest.devDependencies ?? {}])
    for (const name of Object.keys(dependencies))
      if (name.startsWith('@quintet/')) dependencies[name] = version
}

function writeBillOfMaterials(version: string): void {
  mkdirSync('dist', { recursive: true })
  const file = `dist/quintet-${version}.cdx.json`
  writeFileSync(
    file,
    run('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--omit', 'dev']),
  )
  process.stdout.write(`${file}\n`)
}

function buildImage(version: string): void {
  try {
    run('docker', ['version'])
  } catch {
    process.stdout.write('No image was built, since Docker does not run here.\n')
    return
  }
  const labels = [
    `org.opencontainers.image.version=${version}`,
    `org.opencontainers.image.revision=${git('rev-parse', 'HEAD')}`,
    'org.opencontainers.image.licenses=MIT',
  ].flatMap((label) => ['--label', label])
  run('docker', ['build', '--file', 'deploy/Dockerfile', '--tag', `quintet:${version}`, ...labels, '.'])
  process.stdout.write(`quintet:${version}\n`)
}

function git(...args: string[]): string {
  return run('git', args).trim()
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
