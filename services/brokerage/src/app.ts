import { closeWithApp, createApp, createIdempotency } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { parseExactJson } from '@quintet/chassis/json'
import { partsOf } from '@quintet/chassis/resource'
import type { ServiceParts } from '@quintet/chassis/resource'
import { startSweeper } from '@quintet/chassis/sweeper'
import { documentationOfSystem, topology } from '@quintet/contracts/topology'
import type { BrokerageConfig } from './config.ts'
import { exactNumber } from './exact-number.ts'
import { ledgerPromise } from './ledger-check.ts'
import { createMarket } from './market.ts'
import { createOrderProcessor } from './order-processor.ts'
import { responseFormatOf } from './response-format.ts'
import { brokerageRoutes, greeting } from './routes.ts'
import { openStorage } from './storage.ts'
import { createTurns } from './turns.ts'

/** The composition root of the brokerage: it closes everything that it opens. */
export async function createBrokerageApp(
  config: BrokerageConfig,
  given: Partial<ServiceParts> = {},
): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const parts = partsOf('brokerage', config, given)
  const { clock, logger, metrics } = parts
  const storage = await openStorage(config.BROKERAGE_DATABASE_URL, config.CACHE_URL, metrics)
  opened.defer(storage.close)
  const { accounts } = storage
  const market = createMarket({
    open: config.MARKET_OPEN,
    close: config.MARKET_CLOSE,
    zone: config.MARKET_ZONE,
    days: config.MARKET_DAYS,
  })
  const turns = createTurns()
  const orderProcessor = createOrderProcessor({ store: accounts, market, turns })
  const idempotency = createIdempotency({
    store: storage.idempotencyStore,
    clock,
    refusalResponse: (error, request) => responseFormatOf(request).error(error),
  })
  const app = await createApp({
    name: 'brokerage',
    bodyBytesMax: topology.brokerage.bodyBytesMax,
    scopes: topology.brokerage.scopes,
    title: 'Brokerage',
    description:
      'Accounts that buy and sell shares, exactly and serially. Amounts are exact decimals: JSON numbers that may have more digits than a double. Requests may send them as strings too.',
    greeting,
    parseJson: (text) => parseExactJson(text, exactNumber),
    dependencies: { database: storage.ping },
    relatedPages: documentationOfSystem(config.GATEWAY_PORT),
    promises: [ledgerPromise(accounts)],
    ...parts,
  })
  const marketClock = config.MARKET_CLOCK
  brokerageRoutes(app, { accounts, orderProcessor, market, idempotency, clock, marketClock, turns })
  opened.defer(startSweeper([idempotency.sweep], logger).stop)
  closeWithApp(app, opened)
  return app
}
