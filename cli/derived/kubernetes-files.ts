import { portSetting, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import { documents, indent, isGateway, origin, upstreamsOf } from './kubernetes-parts.ts'
import type { Named } from './kubernetes-parts.ts'
import { insertBefore } from './lines.ts'

/** The files of deploy/kubernetes/base that have a part for each service. What differs between clusters is in the overlays. */

/** Settings with a secret, or with a URL that has one, which are no URL of a storage; without a value they have their default. */
const optionalSecrets: Readonly<Record<string, readonly string[]>> = {
  certificates: ['CERTIFICATES_KEY', 'CERTIFICATES_NOTIFY_URL', 'CERTIFICATES_NOTIFY_SECRET'],
  billing: ['ORDER_ID_KEY'],
  gateway: ['ORDER_ID_KEY'],
}

/** The same of every service. */
const commonSecrets = ['RATE_LIMIT_URL', 'RATE_LIMIT_QUOTA_URL', 'OTLP_HEADERS']

const storageSettings = ({ storage }: ServiceEntry) => Object.values(storage)

/** Where metrics and the details of health are; no Service leads to it. */
const operationsPort = 9464

const podSecurity =
  'securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }'
const endOfPod = `          resources: { requests: { cpu: 100m, memory: 256Mi }, limits: { memory: 512Mi } }
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          volumeMounts: [{ name: tmp, mountPath: /tmp }, { name: data, mountPath: /data }, { name: access, mountPath: /access }]
      volumes:
        - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
        - { name: data, emptyDir: { sizeLimit: 64Mi } }
        # API keys, revoked tokens, lists of addresses and policies of limits, if there is such a Secret.
        - { name: access, secret: { secretName: quintet-access, optional: true } }
`

/** The Deployment of each service. */
export function deploymentFile(topology: Topology): string {
  return documents(topology, (named) => deployment(named, topology))
}

function deployment([name, entry]: Named, topology: Topology): string {
  const settings = isGateway(name)
    ? upstreamsOf(topology).map(
        ([other, { port }]) => `${urlSetting(other)}, value: 'http://${other}:${port}'`,
      )
    : [`TRUSTED_PROXIES, value: '10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10'`]
  const env = [
    `${portSetting(name)}, value: '${entry.port}'`,
    `OPERATIONS_PORT, value: '${operationsPort}'`,
    ...settings,
    // Of two pods, where one counts by itself.
    `RATE_LIMIT_REPLICAS, value: '2'`,
    ...storageSettings(entry).map((setting) => reference(setting)),
    ...[...(optionalSecrets[name] ?? []), ...commonSecrets].map((setting) =>
      reference(setting, ', optional: true'),
    ),
  ]
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: quintet
  labels: &labels
    app.kubernetes.io/name: ${name}
    app.kubernetes.io/component: ${componentOf(name)}
    app.kubernetes.io/part-of: quintet
spec:
  replicas: 2
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
  # A roll-out never has fewer pods than before.
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: *labels }
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      # The sleep before SIGTERM, and the 10 s within which a service ends, with a margin.
      terminationGracePeriodSeconds: 30
      ${podSecurity}
      topologySpreadConstraints:
${spread('kubernetes.io/hostname', name)}${spread('topology.kubernetes.io/zone', name)}      containers:
        - name: ${name}
          image: quintet:latest
          imagePullPolicy: IfNotPresent
          args: [start, ${name}]
          ports: [{ name: http, containerPort: ${entry.port} }, { name: operations, containerPort: ${operationsPort} }]
          envFrom: [{ configMapRef: { name: quintet, optional: true } }]
          env:
${indent(
  12,
  env.map((one) => `- { name: ${one} }`),
)}          # Started when all that it needs responds, so that a roll-out stops at a version that cannot work.
          startupProbe: { httpGet: { path: /health/ready, port: operations }, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 300 }
          # Not /health/ready: an engine that all pods need would take all of them out of the Service at once, with the
          # requests that they can serve without it.
          readinessProbe: { httpGet: { path: /health/live, port: operations }, periodSeconds: 5, timeoutSeconds: 3 }
          livenessProbe: { httpGet: { path: /health/live, port: operations }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }
          # Until every node has removed the pod from the Service, it accepts connections.
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
${endOfPod}`
}

function spread(key: string, name: string): string {
  return indent(8, [
    `- topologyKey: ${key}`,
    '  maxSkew: 1',
    '  whenUnsatisfiable: ScheduleAnyway',
    `  labelSelector: { matchLabels: { app.kubernetes.io/name: ${name} } }`,
    '  matchLabelKeys: [pod-template-hash]',
  ])
}

function reference(setting: string, more = ''): string {
  return `${setting}, valueFrom: { secretKeyRef: { name: quintet, key: ${setting}${more} } }`
}

function componentOf(name: string): string {
  return isGateway(name) ? 'gateway' : 'service'
}

/** The Service of each service: the gateway on port 80, the others on their own ports. */
export function serviceFile(topology: Topology): string {
  return documents(
    topology,
    ([name, { port }]) => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: quintet
  labels: { app.kubernetes.io/name: ${name}, app.kubernetes.io/component: ${componentOf(name)}, app.kubernetes.io/part-of: quintet }
spec:
  type: ClusterIP
  selector: { app.kubernetes.io/name: ${name} }
  ports: [{ name: http, port: ${isGateway(name) ? 80 : port}, targetPort: http }]
`,
  )
}

/** Of each service, one pod at a time may be evicted. */
export function disruptionBudgetFile(topology: Topology): string {
  return documents(
    topology,
    ([name]) => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name}, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
`,
  )
}

/** From two to ten pods of each service, by their CPU time. */
export function autoscalerFile(topology: Topology): string {
  return documents(
    topology,
    ([name]) => `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${name}, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  minReplicas: 2
  maxReplicas: 10
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: AverageValue, averageValue: 700m } } }]
`,
  )
}

/** The Job that migrates all databases. */
export function migrationFile(topology: Topology): string {
  const settings = [...new Set(Object.values(topology).flatMap(storageSettings))]
  const optional = [...new Set(Object.keys(topology).flatMap((name) => optionalSecrets[name] ?? []))]
  const env = [
    ...settings.map((setting) => reference(setting)),
    ...optional.map((setting) => reference(setting, ', optional: true')),
  ]
  return `${origin}# A Job cannot be changed: delete the last one before a new version is applied.
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: quintet
  labels: &labels
    app.kubernetes.io/name: migrate
    app.kubernetes.io/component: migration
    app.kubernetes.io/part-of: quintet
spec:
  backoffLimit: 20
  activeDeadlineSeconds: 1800
  template:
    metadata: { labels: *labels }
    spec:
      restartPolicy: OnFailure
      automountServiceAccountToken: false
      enableServiceLinks: false
      ${podSecurity}
      containers:
        - name: migrate
          image: quintet:latest
          imagePullPolicy: IfNotPresent
          args: [migrate, up]
          envFrom: [{ configMapRef: { name: quintet, optional: true } }]
          env:
${indent(
  12,
  env.map((one) => `- { name: ${one} }`),
)}${endOfPod}`
}

/** Adds the URLs of missing databases to the script that makes the Secret of the local overlay. */
export function madeSecrets(text: string, topology: Topology): string {
  const lines = missingDatabases(text, topology).map(
    ({ storage, databaseName }) => `  ${storage.database}: database('${databaseName}'),`,
  )
  return insertBefore(text, /^ {2}CACHE_URL: /, lines)
}

/** Adds the URLs of missing databases to the example of the Secret on EC2. */
export function exampleOfSecrets(text: string, topology: Topology): string {
  const server = 'postgres://quintet:PASSWORD@DATABASE.eu-west-1.rds.amazonaws.com:5432'
  const lines = missingDatabases(text, topology).map(
    ({ storage, databaseName }) => `${storage.database}=${server}/${databaseName}?sslmode=verify-full`,
  )
  return insertBefore(text, /^CACHE_URL=/, lines)
}

function missingDatabases(text: string, topology: Topology): ServiceEntry[] {
  return upstreamsOf(topology)
    .map(([, entry]) => entry)
    .filter(({ storage }) => !text.includes(`${storage.database}`))
}
