import { invalidCommonSettings, testSettings } from '@quintet/chassis/testing/settings'
import { billingSettings } from '../src/config.ts'

testSettings(billingSettings, {
  defaults: {
    BILLING_PORT: 8081,
    BILLING_DATABASE_URL: 'sqlite:data/billing.db',
    QUEUE_URL: 'sqlite:data/queue.db',
    ORDER_ID_KEY: '',
  },
  invalid: {
    ...invalidCommonSettings,
    BILLING_PORT: '65536',
    GATEWAY_PORT: 'none',
    BILLING_DATABASE_URL: 'oracle://db',
    QUEUE_URL: 'carrier-pigeon:',
    ORDER_ID_KEY: 'short',
  },
})
