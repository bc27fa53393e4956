import { execFile } from 'node:child_process'

type CurlResponse = {
  readonly version: string
  readonly status: number
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Runs curl with these arguments, and gives its response, without interim ones; rejects where it fails, with its code. */
export function curl(...words: readonly string[]): Promise<CurlResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<CurlResponse>()
  const options = { encoding: 'buffer', maxBuffer: 16_777_216 } as const
  const child = execFile('curl', ['-sS', '-i', '-m', '20', ...words], options, (error, stdout) => {
    if (error === null) resolve(parse(stdout))
    else reject(error)
  })
  child.stdin?.end()
  return promise
}

function parse(bytes: Buffer): CurlResponse {
  const end = bytes.indexOf('\r\n\r\n')
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const [, version = '', status = ''] = /^HTTP\/(\S+) (\d{3})/.exec(line) ?? []
  const rest = bytes.subarray(end + 4)
  if (status.startsWith('1')) return parse(rest)
  const headers = lines.map((text) => {
    const at = text.indexOf(':')
    return [text.slice(0, at).toLowerCase(), text.slice(at + 1).trim()] as const
  })
  return { version, status: Number(status), headers: Object.fromEntries(headers), body: rest }
}
