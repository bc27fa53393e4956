import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createApp, createIdempotency, parseExactJson } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { startSweeper } from '@quintet/chassis/sweeper'
import { createLogger } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import type { BrokerageConfig } from './config.ts'
import { exactNumber } from './exact-number.ts'
import { createMarket } from './market.ts'
import { createOrderProcessor } from './order-processor.ts'
import { responseFormatOf } from './response-format.ts'
import { brokerageRoutes } from './routes.ts'
import { openStorage } from './storage.ts'

/** The composition root of the brokerage: it closes everything that it opens. */
export async function createBrokerageApp(
  config: BrokerageConfig,
  parts: Partial<BrokerageParts> = {},
): Promise<App> {
  const { clock = systemClock, logger = createLogger({ service: 'brokerage', level: config.LOG_LEVEL }) } =
    parts
  const storage = await openStorage(config.BROKERAGE_DATABASE_URL, config.CACHE_URL)
  const { accounts } = storage
  const market = createMarket({
    open: config.MARKET_OPEN,
    close: config.MARKET_CLOSE,
    zone: config.MARKET_ZONE,
    days: config.MARKET_DAYS,
  })
  const orderProcessor = createOrderProcessor({ store: accounts, market })
  const idempotency = createIdempotency({
    store: storage.idempotencyStore,
    clock,
    refusalResponse: (error, request) => responseFormatOf(request).error(error),
  })
  const app = await createApp({
    name: 'brokerage',
    title: 'Brokerage',
    description:
      'Accounts that buy and sell shares, exactly and serially. Amounts are exact decimals: JSON numbers that may have more digits than a double. Requests may send them as strings too.',
    logger,
    parseJson: (text) => parseExactJson(text, exactNumber),
    dependencies: { database: storage.ping },
  })
  const marketClock = config.MARKET_CLOCK
  brokerageRoutes(app, { accounts, orderProcessor, market, idempotency, clock, marketClock })
  const sweeper = startSweeper([idempotency.sweep], logger)
  app.addHook('onClose', async () => {
    await sweeper.stop()
    await storage.close()
  })
  return app
}

type BrokerageParts = { clock: Clock; logger: Logger }
