import assert from 'node:assert/strict'
import { isAbsent } from './suite.ts'
import type { Suite } from './suite.ts'
import { send } from './requests.ts'

/** What a resource does not have, each with its reason, is not there. */
export function testAbsences({ resource, test }: Suite): void {
  const { etag, create, change, list } = resource

  if (isAbsent(etag))
    test(`no ETag: ${etag.absent}`, async (world) => {
      assert.equal((await send(world, 'GET', await world.add(1))).headers.etag, undefined)
    })

  if (isAbsent(change))
    test(`no change: ${change.absent}`, async (world) => {
      const path = await world.add(1)
      for (const method of ['PUT', 'PATCH'] as const)
        assert.equal((await send(world, method, path)).statusCode, 405)
    })

  if (isAbsent(resource.delete))
    test(`no DELETE: ${resource.delete.absent}`, async (world) => {
      assert.equal((await send(world, 'DELETE', await world.add(1))).statusCode, 405)
    })

  if (isAbsent(list))
    test(`no list: ${list.absent}`, async (world) => {
      const collection = (await world.add(1)).replace(/\/[^/]+$/, '')
      assert.equal((await send(world, 'GET', collection)).statusCode, 405)
    })

  if (isAbsent(create))
    test(`no POST: ${create.absent}`, async (world) => {
      const collection = (await world.add(1)).replace(/\/[^/]+$/, '')
      assert.equal((await send(world, 'POST', collection)).statusCode, 405)
    })
}
