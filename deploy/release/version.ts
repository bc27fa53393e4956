/** What the changelog says about the next release. */

type Release = { readonly version: string; readonly changelog: string; readonly notes: string }

const unreleasedHeading = /^## Unreleased\n/m
const versionPattern = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/

/**
 * The next version by what is listed as unreleased: an entry that begins with **Breaking** or is below Removed needs a major version, one
 * below Fixed or Security alone a patch, any other a minor one. Before 1.0.0, what breaks needs a minor version (SemVer, 4).
 * Without an earlier release, the version is the current one. Throws where nothing is unreleased.
 */
export function nextRelease(changelog: string, current: string, isFirst: boolean, date: string): Release {
  const notes = unreleasedNotes(changelog)
  const version = isFirst ? current : increment(current, notes)
  const heading = `## Unreleased\n\n## ${version} - ${date}\n`
  return { version, notes, changelog: changelog.replace(unreleasedHeading, heading) }
}

function unreleasedNotes(changelog: string): string {
  const [, after] = changelog.split(unreleasedHeading)
  if (after === undefined) throw new Error('CHANGELOG.md has no heading "## Unreleased".')
  const [notes = ''] = after.split(/^## /m)
  if (!/^- /m.test(notes)) throw new Error('CHANGELOG.md lists nothing as unreleased.')
  return notes.trim()
}

function increment(current: string, notes: string): string {
  const [, major, minor, patch] = versionPattern.exec(current)?.map(Number) ?? []
  if (major === undefined || minor === undefined || patch === undefined)
    throw new Error(`The version ${current} is none of semantic versioning.`)
  const headings = [...notes.matchAll(/^### (\w+)$/gm)].map(([, heading = '']) => heading)
  const breaks = headings.includes('Removed') || /^- \*\*Breaking\*\*/m.test(notes)
  if (breaks && major > 0) return `${major + 1}.0.0`
  const onlyRepairs = headings.every((heading) => heading === 'Fixed' || heading === 'Security')
  return breaks || !onlyRepairs ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`
}
