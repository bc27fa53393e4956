import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataFolder, run } from '../system/processes.ts'
import { filesOf, readRecipe } from './recipe.ts'
import { copyRepository, newService } from './repository-copy.ts'

const recipe = readRecipe()
const files = filesOf(recipe)
const [requests = ''] = recipe.filter(({ language }) => language === 'http').map(({ text }) => text)
const commands = recipe.filter(({ language }) => language === 'sh').map(({ text }) => text)
const [make = '', check, start, use = '', testComments = '', ...onEngine] = commands

test('docs/adding-a-service.md has the blocks that are run here, and those that other tests run', () => {
  assert.equal(check, 'npm run check\n')
  assert.equal(start, 'npm start\n')
  assert.equal(onEngine.length, 2)
  assert.equal(recipe.length, commands.length + files.size + 1)
})

for (const shell of ['bash', 'zsh'].filter((name) => spawnSync(name, ['--version']).status === 0))
  test(`Followed in ${shell}, docs/adding-a-service.md makes a service with a list cached by a foreign key`, async (t) => {
    const copy = await copyRepository()
    t.after(() => copy.remove())
    const execute = (text: string) => copy.execute(shell, ['-e', '-c', text])
    await execute(make)
    const settings = { DATA_DIR: dataFolder(t), [`${newService.toUpperCase()}_PORT`]: '0', LOG_LEVEL: 'warn' }
    const gateway = await run(t, ['quintet.ts', 'start'], settings, copy.folder).address('gateway')
    const output = await execute(
      use
        .replaceAll('http://127.0.0.1:3000', gateway)
        .replace(/^npm run postman .*/m, `$& --env-var gateway=${gateway}`),
    )
    assert.match(output, /HTTP\/1\.1 201 Created/)
    for (const [file, text] of files) writeFileSync(join(copy.folder, file), text)
    await execute(testComments)
    await copy.execute('npm', ['run', 'clients'])
    appendFileSync(join(copy.folder, `services/${newService}/${newService}.http`), `\n${requests}`)
    const coverage = () => copy.execute('node', ['--test', 'clients/test/coverage.test.ts'])
    await assert.rejects(coverage(), /'POST \/api\/\w+\/\{id\}\/comments'/)
    editJson(join(copy.folder, 'clients/postman/quintet.postman_collection.json'), addToCollection)
    await coverage()
    await copy.execute('npm', ['run', 'format'])
    for (const script of ['lint', 'types']) await copy.execute('npm', ['run', script])
    await copy.execute('node', ['--test', `services/${newService}/test/**/*.test.ts`])
  })

type Folder = { readonly name: string; readonly item: object[] }

/** Adds the requests of the page to the folder of the service, as Postman exports them. */
function addToCollection({ item }: { readonly item: readonly Folder[] }): void {
  const folder = item.find(({ name }) => name === newService)
  assert.ok(folder !== undefined)
  for (const [, name, method, path = '', body] of requests.matchAll(
    /^### (.*)\n([A-Z]+) \{\{host\}\}(\S+)(?:\nContent-Type: \S+\n\n(.*))?/gm,
  ))
    folder.item.push({
      name,
      event: [{ listen: 'test', script: { exec: ["pm.test('2xx', () => pm.response.to.be.success)"] } }],
      request: {
        method,
        description: name,
        url: { raw: `{{gateway}}${path}`, host: ['{{gateway}}'], path: path.split('/').slice(1) },
        ...(body !== undefined && { body: { mode: 'raw', raw: body } }),
      },
      response: [],
    })
}

function editJson<T>(file: string, edit: (content: T) => void): void {
  const content: T = JSON.parse(readFileSync(file, 'utf8'))
  edit(content)
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
