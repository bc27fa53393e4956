import { problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { readPage, rowList, sendList } from '@quintet/chassis/resource'
import type { Page } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { certificateRefOf } from './certificate-path.ts'
import { rightToRead } from './rights.ts'
import { wrongValueCode } from './route-parts.ts'
import type { Parts } from './route-parts.ts'
import { CertificatePath, NotificationBody, PageQuery } from './schemas.ts'

export function notificationRoutes(app: App, { certificates, notifications }: Parts): void {
  app.get(
    '/users/:id/certificates/:cid/notifications',
    {
      schema: {
        tags: ['certificates'],
        operationId: 'listNotifications',
        summary: 'List the notifications of a certificate with their delivery attempts, oldest first',
        description:
          'What was or will be sent to the receiver of notifications, and each attempt to deliver it.',
        params: CertificatePath,
        querystring: PageQuery,
        response: { 200: Type.Array(NotificationBody), ...problems(404, 422) },
      },
    },
    async (request, reply) => {
      const ref = certificateRefOf(request.params)
      await certificates.expect(ref, rightToRead(request))
      const page = readPage(request.query, { code: wrongValueCode })
      const read = (part: Page) => notifications.list({ certificateId: ref.id, ...part })
      const numberOf = ({ id }: LoggedNotification) => id
      await sendList(request, reply, rowList(page, { read, textOf: notificationText, numberOf }))
    },
  )
}

type LoggedNotification = Awaited<ReturnType<Parts['notifications']['list']>>[number]

function notificationText(row: LoggedNotification): string {
  const { delivery_id, event, body, status, created_at, attempts } = row
  return JSON.stringify({
    id: delivery_id,
    event,
    body: JSON.parse(body),
    status,
    created_at: new Date(created_at).toISOString(),
    attempts: attempts.map(({ at, status, error }) => ({
      at: new Date(at).toISOString(),
      ...(status !== null && { status }),
      ...(error !== null && { error }),
    })),
  })
}
