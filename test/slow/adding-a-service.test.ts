import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { dataFolder, run } from '../system/processes.ts'
import { filesOf, readRecipe } from './recipe.ts'
import { copyRepository, newService } from './repository-copy.ts'
import type { RepositoryCopy } from './repository-copy.ts'

const recipe = readRecipe()
const files = filesOf(recipe)
const textsIn = (wanted: string) =>
  recipe.filter(({ language }) => language === wanted).map(({ text }) => text)
const [make = '', check, start, use = '', finish = '', ...onEngine] = textsIn('sh')
const [changes = ''] = textsIn('diff')

test('docs/adding-a-service.md has the blocks that are run here, and those that other tests run', () => {
  assert.equal(check, 'npm run check\n')
  assert.equal(start, 'npm start\n')
  assert.match(finish, /^npm run check$/m)
  assert.equal(onEngine.length, 2)
  assert.deepEqual(textsIn('diff'), [changes])
  assert.equal(recipe.length, textsIn('sh').length + files.size + 1)
})

for (const shell of ['bash', 'zsh'].filter((name) => spawnSync(name, ['--version']).status === 0))
  test(`Followed in ${shell}, docs/adding-a-service.md makes a service with a list cached by a foreign key`, async (t) => {
    const { copy, execute } = await copyFor(t, shell)
    await execute(make)
    const gateway = await startSystem(t, copy)
    const output = await execute(addressed(use, gateway))
    assert.match(output, /HTTP\/1\.1 201 Created/)
    await addComments(copy)
    await execute(
      finish.replace('npm run check\n', 'npm run format:check && npm run lint && npm run types\n'),
    )
  })

test('The repository with the service of docs/adding-a-service.md passes its tests, and serves the comments through the gateway', async (t) => {
  const { copy, execute } = await copyFor(t, 'bash')
  await execute(make)
  await addComments(copy)
  await execute('npm run clients')
  await execute(`node --test 'test/*.test.ts' test/slow/hostile-inputs.test.ts 'clients/test/*.test.ts'`)
  const gateway = await startSystem(t, copy)
  await execute(addressed(use, gateway))
  const post = (path: string, headers = {}) =>
    fetch(`${gateway}/api/${newService}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"text":"I agree."}',
    })
  const created = await post('1/comments')
  assert.equal(created.status, 201)
  const found = await fetch(`${gateway}${created.headers.get('location')}`)
  assert.deepEqual([found.status, await found.json()], [200, await created.json()])
  const missing = await post('999/comments', { 'if-match': '"1"' })
  assert.equal(missing.status, 404)
})

async function copyFor(t: TestContext, shell: string) {
  const copy = await copyRepository()
  t.after(() => copy.remove())
  return { copy, execute: (text: string) => copy.execute(shell, ['-e', '-c', text]) }
}

/** Writes the files of the page, and applies its changes. */
async function addComments(copy: RepositoryCopy): Promise<void> {
  for (const [file, text] of files) writeFileSync(join(copy.folder, file), text)
  const patch = join(copy.folder, 'comments.patch')
  writeFileSync(patch, changes)
  await copy.execute('git', ['apply', 'comments.patch'])
}

function startSystem(t: TestContext, copy: RepositoryCopy): Promise<string> {
  const settings = { DATA_DIR: dataFolder(t), [`${newService.toUpperCase()}_PORT`]: '0', LOG_LEVEL: 'warn' }
  return run(t, ['quintet.ts', 'start'], settings, copy.folder).address('gateway')
}

/** The commands of the page for a gateway at another address. */
function addressed(commands: string, gateway: string): string {
  return commands
    .replaceAll('http://127.0.0.1:3000', gateway)
    .replace(/^npm run postman .*/m, `$& --env-var gateway=${gateway}`)
}
