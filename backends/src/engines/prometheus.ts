import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { find, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import { requestPage } from '../handshake.ts'
import type { Program } from '../processes.ts'

/** It scrapes the services that `npm start` runs, by their usual ports, and has their rules. */
const configFile = new URL('../../../deploy/observability/prometheus.yml', import.meta.url).pathname

export const prometheus: Engine = {
  name: 'prometheus',
  title: 'Prometheus',
  native: "Prometheus of Debian's packages",
  ports: [19090],
  missingPackages: () => (find('prometheus') === undefined ? ['prometheus'] : []),
  install: async () => {},
  prepare: async ({ folder }) => {
    mkdirSync(join(folder, 'data'), { recursive: true })
  },
  programs: (place) => [server(place)],
  url: (port) => `http://127.0.0.1:${port}`,
  ping: (url) => requestPage(url, '/-/ready', (text) => text.startsWith('Prometheus Server is Ready')),
}

function server({ folder, ports: [port] }: Place): Program {
  return {
    name: 'prometheus',
    command: locate('prometheus'),
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ],
    ready: () => prometheus.ping(new URL(prometheus.url(port))),
  }
}
