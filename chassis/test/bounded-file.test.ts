import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { Type } from 'typebox'
import { envFileFaults, faultsOf } from '../src/config/index.ts'
import { networkList } from '../src/config/network-list.ts'
import { rateLimitSettings } from '../src/config/rate-limit-settings.ts'
import { readListFile, watchFile } from '../src/files/index.ts'
import { createManualClock } from './manual-clock.ts'
import { temporaryFolder } from './temporary-folder.ts'

const { RATE_LIMIT, RATE_LIMIT_FILE } = rateLimitSettings
const schema = Type.Object({ RATE_LIMIT, RATE_LIMIT_FILE, DENY: networkList('Who is refused.') })

test('What has no end, or is larger than any list, is refused wherever a file is named, without being read', (t) => {
  const large = join(temporaryFolder(t), 'large')
  const file = openSync(large, 'w')
  ftruncateSync(file, 2 ** 40)
  closeSync(file)
  for (const [path, reason] of [
    ['/dev/zero', 'is not a file'],
    [large, 'has more than 16777216 bytes'],
    [tmpdir(), 'is a folder'],
  ] as const) {
    const faults = faultsOf(
      schema,
      new Map([
        ['RATE_LIMIT', { value: 'on', source: 'environment' }],
        ['RATE_LIMIT_FILE', { value: path, source: 'environment' }],
        ['DENY', { value: `@${path}`, source: 'environment' }],
      ]),
    )
    assert.equal(faults.length, 2, faults.join())
    for (const fault of faults) assert.ok(fault.includes(reason), fault)
    assert.match(String(envFileFaults(path)[0]?.sentence), new RegExp(reason))
    assert.throws(() => readListFile(path), { message: reason })
    const watched = { clock: createManualClock(0), failed() {}, succeeded() {}, parse: String }
    assert.throws(() => watchFile(path, watched), { message: reason })
  }
})
