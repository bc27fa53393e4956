import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { ConfigError, engineUrl, loadConfig } from '@quintet/chassis/config'

const schemes =
  'sqlite memory none postgres postgresql mysql mariadb mongodb mongodb+srv dynamodb redis rediss amqp amqps kafka kafkas'
    .split(' ')
    .map((name) => `${name}:`)

const hosts: ReadonlyArray<{ url: string; tls: RegExp }> = [
  { url: 'postgres://host/db?', tls: /sslmode=verify-full/ },
  { url: 'postgresql://host/db?', tls: /sslmode=verify-full/ },
  { url: 'mysql://host/db?', tls: /tls=true/ },
  { url: 'mariadb://host/db?', tls: /tls=true/ },
  { url: 'dynamodb://host/table?region=x&', tls: /on without tls=false/ },
  { url: 'redis://host?', tls: /rediss:/ },
  { url: 'rediss://host/0?', tls: /rediss:/ },
  { url: 'amqp://host?', tls: /amqps:/ },
  { url: 'amqps://host/vhost?', tls: /amqps:/ },
  { url: 'kafka://one,two/prefix?', tls: /tls=true/ },
  { url: 'kafkas://one,two?', tls: /the scheme/ },
]

for (const { url, tls } of hosts)
  test(`${url} refuses a parameter that the engine does not have, and its fault names it and says how TLS is turned on`, () => {
    const names = ['tsl', 'TLS', 'secure', 'sslmod', 'use_ssl', 'constructor', '__proto__']
    for (const name of names) {
      const fault = faultOf(`${url}${name}=true`)
      assert.match(fault, new RegExp(`^A_URL must be a URL without the parameter "${name}" \\(`))
      assert.match(fault, tls)
    }
  })

const wrongValues: ReadonlyArray<[url: string, expected: RegExp]> = [
  ['mysql://host/db?tls=yes', /"tls" is true or false/],
  ['mysql://host/db?tls', /"tls" is true or false/],
  ['mysql://host/db?tls=TRUE', /"tls" is true or false/],
  ['mysql://host/db?tls=false&tls=true', /"tls" once/],
  ['mariadb://host/db?tls=1', /"tls" is true or false/],
  ['mysql://host/db?sslmode=require', /"sslmode".*tls=true/],
  ['postgres://host/db?tls=true', /"tls".*sslmode=verify-full/],
  ['postgres://host/db?sslmode=required', /"sslmode" is disable, prefer,/],
  ['postgres://host/db?sslmode=', /"sslmode" is disable, prefer,/],
  ['postgres://host/db?ssl=yes', /"ssl" is true, 1, 0 or no-verify/],
  ['postgres://host/db?sslrootcert=/nowhere/ca.pem', /"sslrootcert" is the name of a file that can be read/],
  ['postgres://host/db?statement_timeout=2s', /"statement_timeout" is an integer/],
  ['mongodb://host/db?tls=yes', /"tls" is true or false/],
  ['mongodb://host/db?tlsCAFile=/nowhere/ca.pem', /"tlsCAFile" is the name of a file/],
  ['dynamodb:///table?region=x&tls=no', /"tls" is true or false/],
  ['dynamodb:///table?region=', /"region" is a region/],
  ['redis://host?tls=true', /"tls" .*rediss:/],
  ['amqp://host?tls=true', /"tls" .*amqps:/],
  ['amqp://host?heartbeat=10s', /"heartbeat" is an integer from 0 to 65535/],
  ['kafka://host?tls=yes', /"tls" is true or false/],
  ['kafka://host?sasl=gssapi', /"sasl" is plain, /],
  ['kafka://host?partitions=0', /"partitions" is an integer from 1 to 1000/],
  ['kafka://host?tls=true&ca=/nowhere/ca.pem', /"ca" is the name of a file/],
  ['kafka://host?sasl=plain', /a user and a password, which its parameter "sasl" is about/],
  ['kafka://host?ca=/etc/hosts', /turns TLS on, which its parameter "ca" is about/],
  ['kafka://host?tls=false&ca=/etc/hosts', /turns TLS on, which its parameter "ca" is about/],
  ['kafkas://host?tls=false', /the scheme kafka: where it has tls=false/],
  ['postgres://host/db?sslmode=disable&sslrootcert=/etc/hosts', /turns TLS off or says how it is used/],
  ['postgres://host/db?sslmode=disable&ssl=true', /turns TLS off or says how it is used/],
  ['postgres://host/db?ssl=0&sslmode=require', /turns TLS off or says how it is used/],
  ['dynamodb:///table?region=x&tls=false', /a host where it has tls=false/],
  ['kafka://host/pre/fix', /prefix/],
  ['kafka://user@host', /a user and a password/],
  ['kafkas://user:@host', /a user and a password/],
  ['dynamodb://key@host/table?region=x', /a user and a password/],
  ['none:?tls=true', /none: and nothing after it/],
  ['memory:?entries=0', /"entries" is an integer from 1 to 10000000,/],
  ['memory:?entries=10000001', /"entries" is an integer from 1 to 10000000,/],
  ['memory:?entries=', /"entries" is an integer/],
  ['memory:?entries=1e3', /"entries" is an integer/],
  ['memory:?entries=1&entries=2', /"entries" once/],
  ['memory:?bytes=1023', /"bytes" is an integer from 1024 to 1099511627776,/],
  ['memory:?bytes=64MB', /"bytes" is an integer/],
  ['memory:?size=1', /the parameter "size" \(memory: has only the parameters entries, bytes\),/],
  ['memory:entries=5', /memory: and only parameters after it/],
  ['sqlite:data/guid.db?mode=ro', /the name of a file after sqlite:, without parameters/],
  ['sqlite::memory:?cache=shared', /without parameters/],
  ['sqlite:data/guid.db?', /without parameters/],
  ['dynamodb:///table', /"region"/],
  ['dynamodb://host?region=x', /names a table/],
  ['dynamodb:///ab?region=x', /names a table/],
  ['mysql://host', /names a database/],
  ['mysql://host/', /names a database/],
  ['mysql://host?tls=true', /names a database/],
  ['mariadb://host', /names a database/],
  ['postgres://host', /names a database/],
  ['mongodb://host', /names a database/],
  ['mongodb+srv://host/?tls=true', /names a database/],
  ['mongodb://host:99999/db', /a port from 1 to 65535/],
  ['amqp://host:65536', /a port from 1 to 65535/],
  ['redis://host:0', /a port from 1 to 65535/],
  ['kafka://one,two:70000', /a port from 1 to 65535/],
  ['redis://host/name', /number of a database/],
  ['amqp://host/virtual/host', /virtual host/],
  ['mysql://one,two/db', /one host/],
  ['mysql:///db', /a whole URL/],
  ['mysql://host/db#?tls=true', /a whole URL/],
  ['mysql://host/db?tls=true#', /a whole URL/],
]

for (const [url, expected] of wrongValues)
  test(`${url} is refused in a sentence that names the setting and what is expected`, () => {
    const fault = faultOf(url)
    assert.match(fault, /^A_URL must be .*, but is ".*" \(from \.env\)\.$/)
    assert.match(fault, expected)
  })

test('parameters that an engine has, and its ways to name a server, are accepted', () => {
  const file = import.meta.filename
  const right = [
    `postgres://host/db?sslmode=verify-full&sslrootcert=${file}&application_name=x`,
    'postgres://user@host/db?ssl=true&options=-c%20search_path%3Dapp&statement_timeout=500',
    'postgres://host/db?uselibpqcompat=true&sslmode=require',
    'mysql://user@host:3306/db?tls=true',
    'mariadb://host/db?tls=false',
    `mongodb://one,two/db?replicaSet=rs0&tls=true&tlsCAFile=${file}&retryWrites=true&w=majority`,
    'mongodb+srv://user:p%40ss@cluster.example.net/db?appName=x',
    'dynamodb:///table?region=eu-west-1',
    'dynamodb://key:secret@host:8000/table?region=us-east-1&tls=false',
    'rediss://:secret@host/1',
    'redis://host/',
    'amqp://host/%2F?heartbeat=10&frameMax=8192&channelMax=100&locale=en_US',
    `kafkas://user:pass@one:9092,two/prefix?partitions=4&sasl=plain&tls=true&ca=${file}`,
    'none:',
    'memory:',
    'memory:?entries=10000000&bytes=1099511627776',
    'sqlite:data/%3F#.db',
  ]
  for (const url of right) assert.deepEqual(load(url), { A_URL: url })
})

test('a part of a password that stands where parameters do is in no fault', () => {
  for (const url of ['postgres://user:12?hunter2@host/db', 'mysql://user:12/db?hunter2=x@y'])
    assert.doesNotMatch(faultOf(url), /hunter2/, url)
  assert.doesNotMatch(faultOf('mysql://host/db?hunter%202=x').replace(/, but is .*/, ''), /hunter/)
})

function load(url: string) {
  const A_URL = engineUrl({ default: 'memory:', schemes, description: 'A URL.' })
  return loadConfig(Type.Object({ A_URL }), new Map([['A_URL', { value: url, source: '.env' }]]))
}

function faultOf(url: string): string {
  try {
    load(url)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.faults.length, 1)
    return error.message
  }
  return assert.fail(`${url} was accepted`)
}
