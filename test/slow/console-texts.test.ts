import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { openFixedConsole } from '../pictures/fixed-console.ts'
import { fileOf, pageNames, textOf } from '../pictures/texts.ts'
import { withChromium } from './browser.ts'
import { executablePath } from './chromium.ts'

test(
  'The texts of each page are those that are kept, which npm run console:pictures -- --texts writes anew',
  withChromium,
  async (t) => {
    const { app, address } = await openFixedConsole()
    const browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox'],
    })
    t.after(async () => {
      await browser.close() // first, since the server waits for the event streams of its pages
      await app.close()
    })
    for (const name of pageNames)
      assert.equal(await textOf(browser, address, name), readFileSync(fileOf(name), 'utf8'), name)
  },
)
