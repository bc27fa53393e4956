import assert from 'node:assert/strict'
import { dataOf } from '@quintet/clients/typescript'
import type { Guid, QuintetClient } from '@quintet/clients/typescript'

/** Registers a GUID, and requires 201 with its location. */
export async function register(system: QuintetClient): Promise<Guid> {
  const result = await system.POST('/guid', { body: { user: 'ada' } })
  const created = dataOf(result)
  assert.ok('guid' in created)
  assert.equal(result.response.status, 201)
  assert.equal(result.response.headers.get('location'), `/guid/${created.guid}`)
  return created
}
