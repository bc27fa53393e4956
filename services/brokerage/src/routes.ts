import type { App } from '@quintet/chassis/http'
import { sendJson } from '@quintet/chassis/http'
import { accountListRoutes } from './account-list-routes.ts'
import { accountRoutes } from './account-routes.ts'
import type { AccountRouteParts } from './account-routes.ts'
import type { Market } from './market.ts'
import { orderRoutes } from './order-routes.ts'
import type { OrderRouteParts } from './order-routes.ts'
import { marketBody } from './representations.ts'
import { acceptFormats } from './request-formats.ts'
import { Greeting, MarketBody } from './schemas.ts'

const tags = ['brokerage']

type Parts = AccountRouteParts & OrderRouteParts & { market: Market }

/** The HTTP interface of the brokerage. */
export function brokerageRoutes(app: App, parts: Parts): void {
  const { market, clock } = parts
  acceptFormats(app)
  accountRoutes(app, parts)
  orderRoutes(app, parts)
  accountListRoutes(app, parts)

  app.get(
    '/market',
    {
      schema: {
        tags,
        operationId: 'getMarket',
        summary: 'Get whether the market is open, and its next opening and closing',
        description: 'By the clock of the server, and the market hours that are configured.',
        response: { 200: MarketBody },
      },
    },
    async (_request, reply) => sendJson(reply, JSON.stringify(marketBody(market.hours(clock.now())))),
  )

  app.get(
    '/hello',
    {
      schema: {
        tags,
        operationId: 'hello',
        summary: 'Get a greeting',
        description: 'A sentence, to check that the brokerage responds.',
        response: { 200: Greeting },
      },
    },
    async (_request, reply) => sendJson(reply, JSON.stringify({ message: greeting })),
  )
}

export const greeting = 'Hello! This is the brokerage; see /docs.'
