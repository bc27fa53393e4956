'use strict'

// The services as processes of PM2, see docs/deploying/pm2.md. PM2 reads this file with the Node that it runs on, which may be an older one,
// so it imports no TypeScript; "npm run quintet derive" keeps the list of services.

const { join } = require('node:path')

const services = 'guid brokerage certificates inventory billing gateway'.split(' ')
const instancesOf = (service) => (service === 'gateway' ? 2 : 1)

module.exports = {
  apps: services.map((service) => ({
    name: `${service}_app`,
    script: join(__dirname, 'services', service, 'src', 'main.ts'),
    cwd: __dirname,
    // PM2 would run TypeScript by Bun otherwise.
    interpreter: 'node',
    node_args: [`--require=${join(__dirname, 'cli', 'check-installation.cjs')}`, '--max-semi-space-size=8'],
    // In cluster mode, reload starts the next process before it ends the last one.
    exec_mode: 'cluster',
    instances: instancesOf(service),
    // A busy machine takes long to start a process; after this, PM2 ends the old one although the next does not listen yet.
    listen_timeout: 120_000,
    // The old process serves on for so long, and its clients end their connections; otherwise it could end one that a request is sent on.
    env: {
      SHUTDOWN_GRACE_MS: process.env.SHUTDOWN_GRACE_MS || '2000',
      // Where limits are counted in memory, each instance has its share.
      RATE_LIMIT_REPLICAS: process.env.RATE_LIMIT_REPLICAS || String(instancesOf(service)),
    },
    // More than this and the 10 s in which a service closes; then PM2 sends SIGKILL.
    kill_timeout: 15_000,
    // PM2 gives up after 16 failures otherwise, and an engine may be away for longer.
    exp_backoff_restart_delay: 200,
    // One file for all instances of a service.
    merge_logs: true,
  })),
}
