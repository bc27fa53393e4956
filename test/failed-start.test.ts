import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '@quintet/chassis/telemetry'
import { portSetting, serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import { services } from '../topology.ts'

/** The files of a folder that this process has open, as Linux lists them. */
function openFilesIn(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)].filter((file) => file.startsWith(folder))
    } catch {
      return []
    }
  })
}

for (const name of serviceNames) {
  const { storage }: ServiceEntry = topology[name]
  for (const broken of [storage.database, storage.queue].filter((setting) => setting !== undefined))
    test(`${name}: a start that fails because ${broken} cannot be opened leaves nothing else open`, {
      skip: process.platform !== 'linux' && 'only Linux lists the open files of a process',
    }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'quintet-start-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const values = { DATA_DIR: folder, [portSetting(name)]: '0', [broken]: 'sqlite:/dev/null/away.db' }
      const settings = new Map(
        Object.entries(values).map(([key, value]) => [key, { value, source: 'environment' as const }]),
      )
      const logger = createLogger({ service: name, level: 'silent' })
      const started = await services[name].createApp(settings, { logger }).catch(() => undefined)
      // The gateway starts without its queue, and opens it later.
      assert.equal(started !== undefined, name === 'gateway')
      await started?.close()
      assert.deepEqual(openFilesIn(folder), [])
    })
}
