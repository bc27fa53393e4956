import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, root, run } from '../system/processes.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const [, block = ''] = /^## A first minute$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(readme) ?? []

/** What each request of the block prints, in order. */
const responses = [
  /\{"guid":"[0-9A-F]{32}","user":"ada","expire":"\d{10}"\}/,
  /\[\{"guid":"[0-9A-F]{32}","user":"ada","expire":"\d{10}"\}\]/,
  /\{"id":1,"title":"Metropolis",[^}]*\}/,
  /\[\{"id":1,"title":"Metropolis",[^}]*\}\]/,
  /\{"id":1,"cash":1000,[^}]*\}/,
  /\{"current_balance":\{"cash":839,.*"business_errors":\[\]\}/,
  /\[\{.*"AAPL".*\}\]/,
  /\{"id":1\}/,
  /\{"id":1,"user_id":1\}/,
  /\{"message":"Message posted","message_id":"[^"]+"\}/,
  /\[.*\]/,
]

for (const shell of ['bash', 'zsh'].filter((name) => spawnSync(name, ['--version']).status === 0))
  test(`Followed in ${shell}, the first minute of README.md prints the responses of all services`, async (t) => {
    const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn' })
    const gateway = await quintet.address('gateway')
    const { PATH = '' } = process.env
    const text = block.replaceAll('http://127.0.0.1:3000', gateway).replaceAll('curl ', 'curl -fsS ')
    const { stdout } = await promisify(execFile)(shell, ['-e', '-c', text], { env: { PATH } })
    assert.match(stdout, new RegExp(`^${responses.map(({ source }) => `${source}\\n`).join('')}$`))
    await until(async () =>
      JSON.stringify((await call('GET', `${gateway}/api/orders`))?.body).includes('"180"'),
    )
  })
