import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { serviceNames, topology, upstreamNames } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import { parse, parseAllDocuments } from 'yaml'
import { services } from '../topology.ts'

/** The structure of deploy/kubernetes, as far as it can be checked without a cluster; deploy/test/kubernetes.sh runs it on one. */

const root = new URL('..', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

type Labels = Readonly<Record<string, string>>
type Port = {
  readonly name: string
  readonly port: number
  readonly containerPort: number
  readonly targetPort?: number | string
}
type Probe = { readonly httpGet: { readonly path: string; readonly port: number | string } }
type Env = {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly secretKeyRef: { name: string; key: string; optional?: boolean } }
}
type Container = {
  readonly image: string
  readonly args?: readonly string[]
  readonly ports?: readonly Port[]
  readonly env?: readonly Env[]
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly securityContext: object
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } }
  readonly resources: object
  readonly volumeMounts?: readonly { readonly name: string }[]
}
type Volume = {
  readonly name: string
  readonly secret?: { readonly items: readonly { readonly key: string }[] }
}
type Pod = {
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly terminationGracePeriodSeconds: number
  readonly enableServiceLinks: boolean
  readonly automountServiceAccountToken: boolean
  readonly containers: readonly Container[]
  readonly volumes: readonly Volume[]
}
type Rule = {
  readonly to?: unknown
  readonly from?: unknown
  readonly ports: readonly { readonly port: number | string }[]
}
type Manifest = {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels }
  readonly spec: {
    readonly replicas?: number
    readonly type?: string
    readonly selector: Labels & { readonly matchLabels?: Labels }
    readonly scaleTargetRef?: { readonly name: string }
    readonly podSelector?: { readonly matchLabels?: Labels }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod }
    readonly ports: readonly Port[]
    readonly egress: readonly Rule[]
    readonly ingress?: readonly Rule[]
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}

type PodMonitor = {
  readonly selector: {
    readonly matchLabels: Labels
    readonly matchExpressions: readonly { readonly key: string; readonly values: readonly string[] }[]
  }
  readonly jobLabel: string
  readonly podMetricsEndpoints: readonly { readonly port: string }[]
}

const folder = 'deploy/kubernetes'
const overlays = ['local', 'ec2'] as const

const parsed = new Map<string, readonly Manifest[]>()

/** The manifests of a kustomization and of those that it includes. */
function manifestsOf(kustomization: string): Manifest[] {
  const { resources }: { resources: string[] } = parse(read(`${kustomization}/kustomization.yaml`))
  return resources.flatMap((resource) => {
    const path = normalize(join(kustomization, resource))
    if (!path.endsWith('.yaml')) return manifestsOf(path)
    const manifests = parsed.get(path) ?? manifestsIn(path)
    parsed.set(path, manifests)
    return manifests
  })
}

function manifestsIn(file: string): Manifest[] {
  return parseAllDocuments(read(file)).map((document) => {
    assert.deepEqual(document.errors, [], file)
    const manifest: Manifest = document.toJS()
    return manifest
  })
}

const base = manifestsOf(`${folder}/base`)
const ofKind = (kind: string, manifests = base) => manifests.filter((one) => one.kind === kind)
const named = (kind: string, name: string, manifests = base) => {
  const found = ofKind(kind, manifests).find(({ metadata }) => metadata.name === name)
  assert.ok(found !== undefined, `There is no ${kind} ${name}.`)
  return found
}
const podsOf = (manifests: readonly Manifest[]) =>
  manifests.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
const containerOf = ({ spec, metadata }: Manifest): Container => {
  const [container, ...others] = spec.template.spec.containers
  assert.ok(container !== undefined && others.length === 0, metadata.name)
  return container
}
const keysOf = (manifest: Manifest) =>
  (containerOf(manifest).env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])

test('Each file of deploy/kubernetes belongs to a kustomization', () => {
  for (const file of globSync(`${folder}/**/*.{yaml,mjs}`, { cwd: root })) {
    if (file.endsWith('kustomization.yaml')) continue
    const kustomization = read(`${dirname(file)}/kustomization.yaml`)
    const name = file.slice(dirname(file).length + 1)
    assert.match(kustomization, new RegExp(`\\b${name.replaceAll('.', '\\.')}\\b`), file)
  }
})

test('Each manifest names its namespace, so that it can be applied by itself, and no two have one name', () => {
  for (const overlay of overlays) {
    const manifests = manifestsOf(`${folder}/overlays/${overlay}`)
    for (const { kind, metadata } of manifests.filter((one) => one.kind !== 'Namespace'))
      assert.equal(metadata.namespace, 'quintet', `${kind} ${metadata.name}`)
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    assert.equal(new Set(names).size, names.length)
  }
})

test('The namespace refuses pods that are not restricted, and each pod is', () => {
  assert.equal(
    named('Namespace', 'quintet').metadata.labels?.['pod-security.kubernetes.io/enforce'],
    'restricted',
  )
  for (const overlay of overlays)
    for (const manifest of podsOf(manifestsOf(`${folder}/overlays/${overlay}`))) {
      const { name } = manifest.metadata
      const { securityContext, enableServiceLinks, automountServiceAccountToken, volumes } =
        manifest.spec.template.spec
      assert.equal(securityContext.runAsNonRoot, true, name)
      assert.ok(Number(securityContext.runAsUser) > 0, `${name}: the user must be a number other than 0`)
      assert.deepEqual(securityContext.seccompProfile, { type: 'RuntimeDefault' }, name)
      assert.equal(enableServiceLinks, false, `${name}: GUID_PORT and others must not be set by Kubernetes`)
      assert.equal(automountServiceAccountToken, name === 'make-secrets', name)
      const container = containerOf(manifest)
      const isOurs = container.image.startsWith('quintet:')
      assert.deepEqual(
        container.securityContext,
        {
          ...(isOurs && { readOnlyRootFilesystem: true }),
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        name,
      )
      assert.ok('requests' in container.resources && 'limits' in container.resources, name)
      const claims = manifest.spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? []
      assert.deepEqual(
        (container.volumeMounts ?? []).map((mount) => mount.name).sort(),
        [...volumes.map((volume) => volume.name), ...claims].sort(),
        name,
      )
    }
})

for (const name of serviceNames) {
  const { storage }: ServiceEntry = topology[name]

  test(`${name} has two pods, a Service with its port, a budget, an autoscaler, and its settings by reference`, () => {
    const deployment = named('Deployment', name)
    const { labels } = deployment.spec.template.metadata
    assert.equal(deployment.spec.replicas, 2)
    const { args, ports, env = [] } = containerOf(deployment)
    assert.deepEqual(args, ['start', name])
    assert.deepEqual(ports, [
      { name: 'http', containerPort: topology[name].port },
      { name: 'operations', containerPort: 9464 },
    ])
    for (const selector of [
      deployment.spec.selector.matchLabels,
      named('Service', name).spec.selector,
      named('PodDisruptionBudget', name).spec.selector.matchLabels,
      named('NetworkPolicy', name).spec.podSelector?.matchLabels,
    ])
      for (const [label, value] of Object.entries(selector ?? { missing: '' }))
        assert.equal(labels[label], value, label)
    const autoscalers = ofKind('HorizontalPodAutoscaler', manifestsOf(`${folder}/overlays/ec2`))
    assert.ok(autoscalers.some(({ spec }) => spec.scaleTargetRef?.name === name))
    const settings = Object.keys(services[name].settings.properties)
    for (const setting of env) assert.ok(settings.includes(setting.name), `${name} has no ${setting.name}`)
    const required = keysOf(deployment).filter(({ optional }) => optional !== true)
    assert.deepEqual(required.map(({ key }) => key).sort(), Object.values(storage).sort())
  })

  test(`Each secret setting of ${name} comes from the Secret`, () => {
    const properties: Record<string, { secret?: boolean; hasSecretPath?: boolean }> =
      services[name].settings.properties
    const keys = keysOf(named('Deployment', name)).map(({ key }) => key)
    for (const [setting, schema] of Object.entries(properties))
      if (schema.secret || schema.hasSecretPath) assert.ok(keys.includes(setting), setting)
  })
}

test('The gateway reaches each service at its Service, and no port of a database', () => {
  const env = containerOf(named('Deployment', 'gateway')).env ?? []
  for (const name of upstreamNames) {
    const [port] = named('Service', name).spec.ports
    const url = env.find((setting) => setting.name === `${name.toUpperCase()}_URL`)?.value
    assert.equal(url, `http://${name}:${port?.port}`)
  }
  const allowed = named('NetworkPolicy', 'gateway').spec.egress.flatMap((rule) =>
    rule.to === undefined ? rule.ports.map(({ port }) => port) : [],
  )
  // RabbitMQ, and Redis for limits.
  assert.deepEqual(allowed, [5671, 5672, 6379])
  const other = named('NetworkPolicy', 'default').spec
  assert.deepEqual(other.podSelector, {})
  assert.deepEqual(
    other.egress.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [53, 53],
  )
})

test('Probes and scrapes are on the port for operations, which no Service has and only the namespace of monitoring reaches', () => {
  for (const name of serviceNames) {
    const { env = [], startupProbe, readinessProbe, livenessProbe } = containerOf(named('Deployment', name))
    assert.equal(env.find((one) => one.name === 'OPERATIONS_PORT')?.value, '9464')
    const paths = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet)
    assert.deepEqual(
      paths,
      ['/health/ready', '/health/live', '/health/live'].map((path) => ({ path, port: 'operations' })),
    )
    const { ingress = [] } = named('NetworkPolicy', name).spec
    const [scrapes, ...others] = ingress.filter(({ ports }) =>
      ports.some(({ port }) => port === 'operations'),
    )
    assert.deepEqual([scrapes?.ports, others], [[{ port: 'operations' }], []])
    const monitoring = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }
    assert.deepEqual(scrapes?.from, [monitoring])
  }
  for (const overlay of overlays)
    for (const { spec, metadata } of ofKind('Service', manifestsOf(`${folder}/overlays/${overlay}`)))
      assert.ok(
        spec.ports.every(({ port, targetPort }) => port !== 9464 && targetPort !== 'operations'),
        metadata.name,
      )
})

test('Limits are counted in Redis by a user who can use their keys alone, in both files that make its password', () => {
  const commands = '~quintet:limit:* -@all +@connection +@scripting +get +mget +set +del +scan +time'
  for (const [file, variable] of [
    ['compose.yaml', '{LIMITS_PASSWORD}'],
    [`${folder}/overlays/local/make-secrets.mjs`, `\${limits}`],
  ] as const) {
    const text = read(file)
    assert.ok(text.includes(`user limits on >${variable} ${commands}\\n`), file)
    assert.ok(text.includes(`redis://limits:${variable}@redis:6379`), file)
  }
})

test('The gateway is a LoadBalancer that keeps the addresses of clients on EC2, and nothing else is published', () => {
  for (const overlay of overlays)
    for (const { spec } of ofKind('Service', manifestsOf(`${folder}/overlays/${overlay}`)))
      assert.ok(spec.type === undefined || spec.type === 'ClusterIP')
  const { metadata, spec } = parse(read(`${folder}/overlays/ec2/load-balancer.yaml`))
  assert.deepEqual(
    [metadata.name, spec],
    ['gateway', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }],
  )
})

test('The component for TLS gives the gateway settings that it has, with the files that it mounts, and ports of its own', () => {
  type Patch = { readonly path: string; readonly value: Readonly<Record<string, unknown>> }
  const patch: Patch[] = parse(read(`${folder}/components/tls/gateway.yaml`))
  const added = (list: string) =>
    patch.filter(({ path }) => path.endsWith(`/${list}/-`)).map(({ value }) => value)
  const settings = Object.keys(services.gateway.settings.properties)
  const env = added('env')
  assert.ok(env.length === 3 && env.every(({ name }) => settings.includes(String(name))))
  const [mount] = added('volumeMounts')
  const [volume] = added('volumes')
  assert.equal(mount?.name, volume?.name)
  for (const { value } of env.filter(({ name }) => String(name).endsWith('_FILE')))
    assert.ok(String(value).startsWith(`${mount?.mountPath}/tls.`))
  const [port] = added('ports')
  const redirected = env.find(({ name }) => name === 'GATEWAY_HTTP_PORT')
  assert.equal(redirected?.value, String(port?.containerPort))
  const [published]: { value: Port[] }[] = parse(read(`${folder}/components/tls/service.yaml`))
  assert.deepEqual(
    published?.value.map(({ port, targetPort }) => [port, targetPort]),
    [
      [443, 'http'],
      [80, port?.name],
    ],
  )
})

test('The component for monitoring scrapes the port for operations of each pod of a service, which is its label, and has the rules', () => {
  const [monitor] = manifestsIn(`${folder}/components/monitoring/pods.yaml`).map(({ spec }): unknown => spec)
  const { selector, jobLabel, podMetricsEndpoints }: PodMonitor = Object(monitor)
  for (const name of serviceNames) {
    const { labels } = named('Deployment', name).spec.template.metadata
    for (const [label, value] of Object.entries(selector.matchLabels)) assert.equal(labels[label], value)
    for (const { key, values } of selector.matchExpressions)
      assert.ok(values.includes(labels[key] ?? ''), name)
    // What the rules call the job, and the service.
    assert.equal(labels[jobLabel], 'quintet')
    assert.equal(labels['app.kubernetes.io/name'], name)
    const ports = containerOf(named('Deployment', name)).ports?.map((port) => port.name)
    assert.ok(ports?.includes(podMetricsEndpoints[0]?.port ?? ''), name)
    assert.ok(
      named('NetworkPolicy', name).spec.egress.some(({ ports: allowed }) =>
        allowed.some(({ port }) => port === 4318),
      ),
      `${name} cannot send traces.`,
    )
  }
  const { groups } = parse(read('deploy/observability/rules.yml'))
  const [rules] = manifestsIn(`${folder}/components/monitoring/rules.yaml`)
  assert.deepEqual(rules?.spec, { groups })
})

test('A pod is killed only after its sleep and the 10 s within which a service ends, also on EC2', () => {
  for (const deployment of ofKind('Deployment')) {
    const { terminationGracePeriodSeconds } = deployment.spec.template.spec
    const sleepSeconds = containerOf(deployment).lifecycle?.preStop.sleep.seconds ?? 0
    assert.ok(sleepSeconds > 0 && terminationGracePeriodSeconds > sleepSeconds + 10, deployment.metadata.name)
  }
  const patch: { path: string; value: number }[] = parse(read(`${folder}/overlays/ec2/gateway.yaml`))
  const [sleepSeconds = 0, graceSeconds = 0] = ['seconds', 'terminationGracePeriodSeconds'].map(
    (name) => patch.find(({ path }) => path.endsWith(`/${name}`))?.value,
  )
  assert.ok(sleepSeconds > 120 && graceSeconds > sleepSeconds + 10)
})

test('Both overlays give each key of the Secret that a pod requires, and no other', () => {
  const required = podsOf(base).flatMap((manifest) => keysOf(manifest))
  const names = [...new Set(required.filter(({ optional }) => optional !== true).map(({ key }) => key))]
  const keys = ['CERTIFICATES_KEY', 'ORDER_ID_KEY', 'RATE_LIMIT_URL']
  assert.ok(required.every(({ name }) => name === 'quintet'))
  const example = read(`${folder}/overlays/ec2/secrets.env.example`).matchAll(/^([A-Z_]+)=./gm)
  assert.deepEqual([...example].map(([, key]) => key).sort(), [...names, ...keys].sort())
  const engines = ofKind('StatefulSet', manifestsOf(`${folder}/overlays/local`))
  const [, made = ''] = read(`${folder}/overlays/local/make-secrets.mjs`).split(
    /^const stringData = \{$|^\}$/m,
  )
  const files = engines.flatMap(({ spec }) =>
    spec.template.spec.volumes.flatMap(({ secret }) => secret?.items.map(({ key }) => key) ?? []),
  )
  assert.deepEqual(
    [...made.matchAll(/^ {2}'?([\w.]+)'?: /gm)].map(([, key]) => key).sort(),
    [...names, ...keys, ...new Set(files)].sort(),
  )
})

test('The engines of the local overlay are those of compose.yaml, with the same versions and arguments', () => {
  const compose: { services: Record<string, { image: string; command?: string[] }> } = parse(
    read('compose.yaml'),
    { merge: true },
  )
  const engines = ofKind('StatefulSet', manifestsOf(`${folder}/overlays/local`))
  assert.deepEqual(engines.map(({ metadata }) => metadata.name).sort(), [
    'dynamodb',
    'kafka',
    'postgres',
    'rabbitmq',
    'redis',
  ])
  for (const engine of engines) {
    const { name } = engine.metadata
    const { image, args } = containerOf(engine)
    assert.equal(image, compose.services[name]?.image)
    assert.deepEqual(args, compose.services[name]?.command, name)
    const [port] = named('Service', name, engines.concat(manifestsOf(`${folder}/overlays/local`))).spec.ports
    assert.equal(containerOf(engine).ports?.[0]?.containerPort, port?.port)
  }
})

test('Each URL of the local overlay names the Service of its engine and the database of its service', () => {
  const script = read(`${folder}/overlays/local/make-secrets.mjs`)
  for (const name of upstreamNames) {
    const { storage, databaseName }: ServiceEntry = topology[name]
    assert.match(script, new RegExp(`${storage.database}: .*${databaseName}['?]`))
  }
  const local = manifestsOf(`${folder}/overlays/local`)
  for (const [, host = '', port] of script.matchAll(/@?(\w+):(\d{4})\b/g)) {
    const [found] = named('Service', host.replace(/^.*@/, ''), local).spec.ports
    assert.equal(String(found?.port), port)
  }
})
