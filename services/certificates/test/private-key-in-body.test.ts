import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { makeCertificate } from './make-certificate.ts'
import { createWorld, opaque, startMs } from './world.ts'

const certificate = makeCertificate({ notBefore: startMs, notAfter: startMs + 86_400_000 })
const key = certificate.privateKey
const pkcs8 = String(key.export({ format: 'pem', type: 'pkcs8' }))
const pkcs8Der = key.export({ format: 'der', type: 'pkcs8' })
const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
const labelled = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`

const publicJwk = JSON.stringify(createPublicKey(key).export({ format: 'jwk' }))

const bodies: Readonly<Record<string, string>> = {
  'PKCS #8': pkcs8,
  SEC1: String(key.export({ format: 'pem', type: 'sec1' })),
  'PKCS #1': String(rsa.export({ format: 'pem', type: 'pkcs1' })),
  'encrypted PKCS #8': String(key.export({ format: 'pem', type: 'pkcs8', ...cipher })),
  DSA: labelled('DSA PRIVATE KEY'),
  OpenSSH: labelled('OPENSSH PRIVATE KEY'),
  PGP: labelled('PGP PRIVATE KEY BLOCK'),
  'any other kind': labelled('ANY OTHER PRIVATE KEY'),
  'the format of SSH':
    '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----',
  'the format of PuTTY': 'PuTTY-User-Key-File-3: ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA\n',
  'a JSON Web Key': JSON.stringify(key.export({ format: 'jwk' })),
  'a JSON Web Key in a set': JSON.stringify({ keys: [rsa.export({ format: 'jwk' })] }, undefined, 2),
  'PEM before the certificate': pkcs8 + certificate.pem,
  'PEM after the certificate': certificate.pem + pkcs8,
  'PEM amid text': `the key\n\n  ${pkcs8.replaceAll('\n', '\n  ')} and so on`,
  'PEM with CR as line end': pkcs8.replaceAll('\n', '\r'),
  'PEM that is cut off': pkcs8.slice(0, 60),
  'PEM in base64': Buffer.from(pkcs8).toString('base64'),
  'DER in base64': pkcs8Der.toString('base64'),
  'DER in lines of base64': pkcs8Der.toString('base64').replace(/.{64}/g, '$&\r\n'),
  'SEC1 in base64': key.export({ format: 'der', type: 'sec1' }).toString('base64'),
  'PKCS #1 in base64': rsa.export({ format: 'der', type: 'pkcs1' }).toString('base64'),
  'encrypted DER in base64': key.export({ format: 'der', type: 'pkcs8', ...cipher }).toString('base64'),
}

test('A body that holds a private key is 422 on body under every policy, and nothing of it is stored', async (t) => {
  for (const policy of ['opaque', 'auto', 'strict']) {
    const { addUser, post, get, logged } = await createWorld(t, { CERTIFICATES_POLICY: policy })
    const user = await addUser()
    for (const [kind, body] of Object.entries(bodies)) {
      const response = await post(`${user}/certificates`, { ...opaque, body })
      assert.equal(response.statusCode, 422, kind)
      assert.deepEqual(
        response.json().errors,
        { body: 'body must not contain a private key, since it is returned.' },
        kind,
      )
    }
    assert.deepEqual((await get(`${user}/certificates`)).json(), [])
    t.diagnostic(
      `${Object.keys(bodies).length} bodies that hold a private key, refused by the policy ${policy}`,
    )
    assert.ok(!logged().includes(pkcs8.slice(40, 80)))
  }
})

test('A body that is, or holds, the private key of its own request is 422, whatever that is', async (t) => {
  const { addUser, post } = await createWorld(t)
  const user = await addUser()
  const secret = Buffer.from('sixteen words of nothing')
  const requests = [
    { private_key: 'a2V5', body: 'key' },
    { private_key: 'a2V5', body: 'a2V5' },
    { private_key: secret.toString('base64'), body: `the secret is ${secret.toString()}` },
    { private_key: secret.toString('base64'), body: `-----${secret.toString('hex')}` },
    { private_key: secret.toString('base64'), body: JSON.stringify({ data: secret.toString('base64') }) },
    { private_key: pkcs8Der.toString('base64'), body: String(key.export({ format: 'jwk' }).d) },
  ]
  for (const request of requests) {
    const response = await post(`${user}/certificates`, { active: true, ...request })
    assert.equal(response.statusCode, 422, request.body)
    assert.deepEqual(Object.keys(response.json().errors), ['body'])
  }
})

test('A private key in the body is reported together with all other errors', async (t) => {
  const { addUser, post } = await createWorld(t)
  const body = { private_key: '!', active: 'yes', body: pkcs8 }
  const response = await post(`${await addUser()}/certificates`, body)
  assert.equal(response.statusCode, 422)
  assert.deepEqual(Object.keys(response.json().errors).sort(), ['active', 'body', 'private_key'])
})

test('Texts about private keys, public keys and certificates are no private keys', async (t) => {
  const { addUser, post } = await createWorld(t)
  const user = await addUser()
  const harmless = [
    'a private key',
    'PRIVATE KEY',
    labelled('PUBLIC KEY'),
    publicJwk,
    certificate.pem,
    'MIIB',
    'M'.repeat(400),
  ]
  for (const body of harmless)
    assert.equal(
      (await post(`${user}/certificates`, { ...opaque, private_key: 'b3RoZXIgYnl0ZXM=', body })).statusCode,
      201,
      body,
    )
})
