import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const missing = `k6 was not found. Install it, or set K6 to its path:

  its package of your system: https://grafana.com/docs/k6/latest/set-up/install-k6/
  with Go:                    go install go.k6.io/k6@v1.8.1
  with Docker:                docker create --name k6 grafana/k6:1.8.1 && docker cp k6:/usr/bin/k6 . && docker rm k6`

/** The path of k6: `K6`, or on the PATH, or where `go install` puts it. */
export function findK6(env: NodeJS.ProcessEnv): string {
  if (env.K6 !== undefined && env.K6 !== '') {
    if (existsSync(env.K6)) return env.K6
    throw new Error(`K6 is ${env.K6}, where there is no file.`)
  }
  const folders = [...(env.PATH ?? '').split(delimiter), join(env.GOPATH ?? join(homedir(), 'go'), 'bin')]
  const found = folders.map((folder) => join(folder, 'k6')).find((path) => existsSync(path))
  if (found === undefined) throw new Error(missing)
  return found
}
