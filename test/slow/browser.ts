import type { TestContext } from 'node:test'
import { freePort } from '@quintet/chassis/testing/sockets'
import { chromium } from 'playwright-core'
import type { Page } from 'playwright-core'
import { dataFolder, run } from '../system/processes.ts'
import { executablePath } from './chromium.ts'

/** The options of a test that needs a browser. */
export const withChromium = { skip: executablePath === undefined && 'Chromium is not installed' }

/** The whole system, and a browser in which another name than that of this machine leads to it. */
export async function openBrowser(
  t: TestContext,
  settings: Readonly<Record<string, string>> = {},
): Promise<{
  gateway: string
  address: string
  page: Page
  faults: string[]
}> {
  const port = await freePort()
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    GATEWAY_PORT: String(port),
    ...settings,
  })
  const address = await quintet.address('gateway')
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox', '--host-resolver-rules=MAP quintet.test 127.0.0.1'],
  })
  t.after(() => browser.close())
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', ({ message }) => faults.push(message))
  return { gateway: `http://quintet.test:${port}`, address, page, faults }
}
