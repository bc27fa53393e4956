import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { requestPage } from '../handshake.ts'
import type { Program } from '../processes.ts'

const configFile = new URL('../../../deploy/observability/alertmanager.yml', import.meta.url).pathname

export const alertmanager: Engine = {
  name: 'alertmanager',
  title: 'Alertmanager',
  native: "Alertmanager of Debian's packages",
  // The next port after those of Kafka.
  ports: [19094],
  missingPackages: () => (find('prometheus-alertmanager') === undefined ? ['prometheus-alertmanager'] : []),
  install: async () => {},
  prepare: async ({ folder }) => {
    mkdirSync(join(folder, 'data'), { recursive: true })
  },
  programs: (place) => [server(place)],
  url: (port) => `http://127.0.0.1:${port}`,
  ping: (url) => requestPage(url, '/api/v2/status', (text) => text.includes('"versionInfo"')),
}

function server({ folder, ports: [port] }: Place): Program {
  return {
    name: 'alertmanager',
    command: locate('prometheus-alertmanager'),
    args: [
      `--config.file=${configFile}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // One alone, which needs no port for others.
      '--cluster.listen-address=',
    ],
    ready: () => alertmanager.ping(new URL(alertmanager.url(port))),
  }
}
