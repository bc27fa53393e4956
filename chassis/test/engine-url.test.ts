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
  ['postgres://host/db?lock_timeout=0', /"lock_timeout" is an integer from 1 /],
  ['postgres://host/db?statement_timeout=10001', /"statement_timeout" is an integer from 1 to 10000/],
  ['postgres://host/db?lock_timeout=10001', /"lock_timeout" is an integer from 1 to 10000/],
  ['postgres://host/db?query_timeout=10001', /"query_timeout" is an integer from 1 to 10000/],
  [
    'postgres://host/db?idle_in_transaction_session_timeout=10001',
    /"idle_in_transaction_session_timeout" is an integer from 1 to 10000/,
  ],
  ['mongodb://host/db?localThresholdMS=60001', /"localThresholdMS" is an integer from 0 to 60000/],
  ['postgres://host/db?client_encoding=LATIN1', /"client_encoding" is UTF8/],
  ['postgres://host/db?replication=database', /without the parameter "replication"/],
  ['mongodb://host/db?tls=yes', /"tls" is true or false/],
  ['mongodb://host/db?tlsCAFile=/nowhere/ca.pem', /"tlsCAFile" is the name of a file/],
  ['mongodb://host/db?w=0', /"w" is majority/],
  ['mongodb://host/db?W=0', /without the parameter "W"/],
  ['mongodb://host/db?w=1', /"w" is majority/],
  ['mongodb://host/db?journal=false', /"journal" is true/],
  ['mongodb://host/db?readConcernLevel=local', /"readConcernLevel" is majority/],
  ['mongodb://host/db?readPreference=secondary', /"readPreference" is primary/],
  ['mongodb://host/db?socketTimeoutMS=0', /without the parameter "socketTimeoutMS"/],
  ['mongodb://host/db?useBigInt64=true', /without the parameter "useBigInt64"/],
  ['mysql://host/db?multipleStatements=true', /without the parameter "multipleStatements"/],
  ['mysql://host/db?flags=FOUND_ROWS', /without the parameter "flags"/],
  ['redis://host?db=1', /without the parameter "db"/],
  ['dynamodb:///table?region=x&tls=no', /"tls" is true or false/],
  ['dynamodb:///table?region=', /"region" is a region/],
  ['redis://host?tls=true', /"tls" .*rediss:/],
  ['amqp://host?tls=true', /"tls" .*amqps:/],
  ['amqp://host?heartbeat=10s', /"heartbeat" is an integer from 1 to 60/],
  ['amqp://host?heartbeat=0', /"heartbeat" is an integer from 1 to 60/],
  ['amqp://host?channelMax=1', /"channelMax" is an integer from 16 /],
  ['amqp://host?frameMax=4096', /"frameMax" is an integer from 8192 /],
  ['kafka://host?acks=0', /without the parameter "acks"/],
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

const file = import.meta.filename
const contradictions: ReadonlyArray<[url: string, ...expected: string[]]> = [
  ['postgres://host/db?ssl=true&sslmode=disable', 'turns TLS off or says how'],
  ['postgres://host/db?sslmode=disable&ssl=1', 'turns TLS off or says how'],
  ['postgres://host/db?ssl=0&sslmode=verify-full', 'turns TLS off or says how'],
  ['postgresql://host/db?ssl=0&sslmode=prefer', 'turns TLS off or says how'],
  [`postgres://host/db?ssl=0&sslcert=${file}&sslkey=${file}`, 'turns TLS off or says how'],
  ['postgres://host/db?sslmode=disable&sslnegotiation=direct', 'turns TLS off or says how'],
  ['postgres://host/db?ssl=true&sslmode=no-verify', '"ssl" and "sslmode" agree'],
  ['postgresql://host/db?ssl=no-verify&sslmode=verify-full', '"ssl" and "sslmode" agree'],
  ['postgres://host/db?uselibpqcompat=true&sslmode=no-verify', 'without "uselibpqcompat"'],
  ['postgres://host/db?uselibpqcompat=true&sslmode=verify-ca', 'with "sslrootcert"'],
  ['postgres://host/db?host=other', 'its host once'],
  [
    'postgres://a:b@host:1/db?port=2&user=c&password=d',
    'its port once',
    'its user once',
    'its password once',
  ],
  [
    `postgres://host/db?ssl=true&sslmode=disable&sslrootcert=${file}&host=other&statement_timeout=0&x=1`,
    'turns TLS off or says how',
    'its host once',
    '"statement_timeout" is',
    'parameter "x"',
  ],
  ['mongodb://host/db?tls=true&ssl=false', 'turns TLS off or says how'],
  [`mongodb+srv://host/db?tls=false&tlsCAFile=${file}`, 'turns TLS off or says how'],
]

for (const [url, ...expected] of contradictions)
  test(`${url.replace(file, 'FILE')} contradicts itself and is refused, with each fault`, () => {
    const fault = faultOf(url)
    assert.match(fault, /^A_URL must be .*, but is ".*" \(from \.env\)\.$/)
    for (const part of expected) assert.ok(fault.includes(part), `${part} is not in: ${fault}`)
  })

test('parameters that an engine has, and its ways to name a server, are accepted', () => {
  const right = [
    `postgres://host/db?sslmode=verify-full&sslrootcert=${file}&application_name=x`,
    'postgres://user@host/db?ssl=true&options=-c%20search_path%3Dapp&statement_timeout=500',
    'mongodb://host/db?localThresholdMS=0',
    'postgres://host/db?uselibpqcompat=true&sslmode=require',
    'postgres://host/db?ssl=true&sslmode=require&client_encoding=utf8',
    'postgres://host/db?ssl=0&sslmode=disable',
    'postgres:///db?host=/run/postgresql&port=5433&user=a',
    'mysql://user@host:3306/db?tls=true',
    'mariadb://host/db?tls=false',
    `mongodb://one,two/db?replicaSet=rs0&tls=true&tlsCAFile=${file}&retryWrites=true&w=majority`,
    'mongodb+srv://user:p%40ss@cluster.example.net/db?appName=x&retryWrites=true&w=majority',
    'mongodb://host/db?tls=true&ssl=true&readPreference=primary&journal=true&authSource=admin',
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
