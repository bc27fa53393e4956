import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'
import { mayRead, rowAccessOf, unrestricted } from '@quintet/chassis/guard'
import type { RowAccess } from '@quintet/chassis/guard'
import { isStorable, jsonType, problems, sendRepresentation } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { RecordedResponse, ResponseRecorder } from '@quintet/chassis/idempotency'
import type { GuidCommand } from '@quintet/contracts'
import type { Operation, OperationStore } from './port.ts'
import { OperationBody, OperationPath } from './schemas.ts'

/** GET of an operation that was accepted with 202. */
export function operationRoutes(app: App, { operations }: { operations: OperationStore }): void {
  app.get(
    '/operations/:id',
    {
      schema: {
        tags: ['guid'],
        operationId: 'getOperation',
        summary: 'Get an operation that was accepted with 202',
        description:
          '`Location` of a 202 response leads here. `result` or `problem` is present once the operation has succeeded or failed.',
        params: OperationPath,
        response: { 200: OperationBody, ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const operation = isStorable(id) ? await operations.find(id) : undefined
      if (operation === undefined || !mayRead(rowAccessOf(request.raw), operation.owner))
        throw new AppError('not_found', 'Operation not found.')
      sendRepresentation(reply, `"${operation.status}"`, operationText(operation))
    },
  )
}

/** Stores a command for the workers, with what its sender may do, and makes the 202 response. */
export async function acceptOperation(
  operations: OperationStore,
  command: GuidCommand,
  access: RowAccess,
  record: ResponseRecorder = () => [],
): Promise<RecordedResponse> {
  const id = randomUUIDv7()
  const response: RecordedResponse = {
    status: 202,
    headers: {
      'content-type': jsonType,
      location: `/operations/${id}`,
      'preference-applied': 'respond-async',
      'retry-after': '1',
    },
    body: JSON.stringify({ id, status: 'pending' }),
  }
  await operations.accept(id, { ...command, ...accessIn(access) }, record(response))
  return response
}

function accessIn(access: RowAccess): Pick<GuidCommand, 'access'> {
  if (access === unrestricted) return {}
  const { owner, changesAll } = access
  return { access: { owner, changesAll } }
}

function operationText({ id, status, result, problem }: Operation): string {
  return JSON.stringify({ id, status, ...parsed('result', result), ...parsed('problem', problem) })
}

function parsed(name: string, text: string | null): Record<string, unknown> {
  return text === null ? {} : { [name]: JSON.parse(text) }
}
