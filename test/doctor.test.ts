import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { tlsFiles } from '@quintet/chassis/testing/tls'
import { examineConsole } from '../cli/doctor-guard.ts'

test('A console that others reach without TLS is weak, with TLS good, and on this machine alone not examined', (t) => {
  const { certificate: TLS_CERT_FILE, key: TLS_KEY_FILE } = tlsFiles(t)
  const verdictsOf = (values: Record<string, string>) =>
    examineConsole(settingsOf(values)).flatMap(({ findings }) => findings.map(({ verdict }) => verdict))
  const open = { CONSOLE_HOST: '0.0.0.0', CONSOLE_TOKEN: 'a-token-of-the-console-that-is-long-enough' }
  assert.deepEqual(verdictsOf(open), ['weak'])
  assert.deepEqual(verdictsOf({ ...open, TLS_CERT_FILE, TLS_KEY_FILE }), ['good'])
  assert.deepEqual(verdictsOf({}), [])
})
