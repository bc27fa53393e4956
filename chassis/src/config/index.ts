import { fileURLToPath } from 'node:url'
import { Type } from 'typebox'
import type { Static, TObject, TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { engineUrlFormat } from './engine-url.ts'
import type { envFileFaults } from './env-file.ts'
import { faultsByRule } from './rules.ts'
import { fileSettingOf, fileValueOf } from './setting-files.ts'
import type { FileValue } from './setting-files.ts'
import type { Settings } from './settings.ts'
import { withoutPathOfSetting, withoutSecretsOfSetting } from './shown-url.ts'
import { readWholeNumber } from './whole-number.ts'

export { envFileFaults, readSettings } from './env-file.ts'
export { shareOfLimits } from './divided-settings.ts'
export { argumentFault, didYouMean, unknownCommand } from './did-you-mean.ts'
export { engineUrl } from './engine-url.ts'
export { httpUrl } from './http-url.ts'
export { equalPorts, sharedDatabases, withRule } from './rules.ts'
export { listOf } from './comma-list.ts'
export { auditPlace } from './audit-settings.ts'
export { authFiles, authSettings, isAuthSettings, isSecureUrl } from './auth-settings.ts'
export type { AuthSettings } from './auth-settings.ts'
export * from './common-settings.ts'
export { count, milliseconds, port } from './numbers.ts'
export { fileOfList, networkList, networksOfFile, networksOfList } from './network-list.ts'
export type { ListedNetwork } from './network-list.ts'
export { apiVersions, parseApiVersions } from './api-versions.ts'
export type { ApiVersion } from './api-versions.ts'
export { addNetwork, parseNetworks, trustedProxies } from './networks.ts'
export { rateLimitSettings } from './rate-limit-settings.ts'
export { idlePolicies, principalsOf } from './rate-limit-faults.ts'
export type { Principals } from './rate-limit-faults.ts'
export { parseRateLimitPolicies, policiesOfLines } from './rate-limit-policies.ts'
export type { Degraded, RateLimitPolicy } from './rate-limit-policies.ts'
export type { Settings } from './settings.ts'
export { listenerFaults, tlsFaults, tlsFilesOf, tlsOf } from './tls-settings.ts'
export { unknownSettings } from './unknown-settings.ts'
export { readWholeNumber } from './whole-number.ts'

/** A setting as it may be shown to anybody. */
type SettingDescription = {
  name: string
  value: string
  /** Whether the value is one that the setting may have, whatever other settings are. */
  isValid: boolean
  /** `default`, `.env`, `environment`, or `file` with its path. */
  source: string
  description: string
}

/** All faults of the settings: a sentence and a line for each, without secrets. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * Makes the folder of the repository the current one, so that `.env`, `data` and every relative path in a setting are the same
 * wherever a program is started from.
 */
export function enterRepository(): void {
  process.chdir(fileURLToPath(new URL('../../../', import.meta.url)))
}

/**
 * The schema's settings, converted to their types and frozen; throws one ConfigError with every fault.
 * A property is an integer, a boolean, a string, a literal or a union of these, with `default` and `description`.
 * `secret: true` keeps its value out of all output, and `hasSecretPath: true` the path of its URL; `isPublic: true` shows it as it is. The value of such a setting, and of
 * the URL of an engine, which may have a password, can also be in a file that `<name>_FILE` names. `expected` replaces what is
 * expected of it in a fault, and `expectedForm` does so by the text, where that matches the pattern, if there is one.
 * `{NAME}` in a default stands for the effective value of another setting of the schema, which is not secret.
 */
export function loadConfig<T extends TObject>(schema: T, settings: Settings): Readonly<Static<T>> {
  const found = effectiveSettings(schema, settings)
  const config: unknown = Object.fromEntries(found.map(({ name, value }) => [name, value]))
  const faults = faultsOf(schema, settings)
  if (faults.length === 0 && Check(schema, config)) return Object.freeze(config)
  throw new ConfigError(faults)
}

/**
 * What is wrong with the settings of the schema, each by itself and by its rule: a sentence for each, without secrets. Values from lines
 * of `.env` that are faults themselves are left out.
 */
export function faultsOf(
  schema: TObject,
  settings: Settings,
  ofFile: ReturnType<typeof envFileFaults> = [],
): string[] {
  const wrong = effectiveSettings(schema, settings).filter((setting) => !isValid(setting))
  const isReported = ({ name, file }: EffectiveSetting) => {
    const given = file?.setting ?? name
    return settings.get(given)?.source === '.env' && ofFile.some(({ setting }) => setting === given)
  }
  return [
    ...wrong.filter((setting) => !refersTo(wrong, setting) && !isReported(setting)).map(fault),
    ...faultsByRule(schema, validValues(schema, settings)),
  ]
}

/** The values of those settings that are valid by themselves, in their types, by name. */
export function validValues(schema: TObject, settings: Settings): Readonly<Record<string, unknown>> {
  const valid = effectiveSettings(schema, settings).filter(isValid)
  return Object.fromEntries(valid.map(({ name, value }) => [name, value]))
}

function isValid({ schema, value, file }: EffectiveSetting): boolean {
  return file?.fault === undefined && Check(schema, value)
}

/** The names of all settings of the schema, with those that name a file for the value of another. */
export function settingNamesOf(schema: TObject): string[] {
  const properties: Record<string, SettingSchema> = schema.properties
  return Object.entries(properties).flatMap(([name, setting]) =>
    mayBeSecret(setting) ? [name, fileSettingOf(name)] : [name],
  )
}

/** Every setting of the schema, valid or not, with secrets redacted. */
export function describeConfig(schema: TObject, settings: Settings): SettingDescription[] {
  return effectiveSettings(schema, settings).map((setting) => ({
    name: setting.name,
    value: redacted(setting),
    isValid: isValid(setting),
    source: setting.file === undefined ? setting.source : `file ${setting.file.path}`,
    description: setting.schema.description ?? '',
  }))
}

const origins = { default: 'its default', '.env': 'from .env', environment: 'from the environment' }

type EffectiveSetting = {
  name: string
  schema: SettingSchema
  text: string
  value: unknown
  source: keyof typeof origins
  /** The file that the value is from, whatever the source of its name is. */
  file?: FileValue | undefined
}

type SettingSchema = TSchema & Annotations & IntegerLimits & TextLimits
type Annotations = {
  default?: unknown
  description?: string
  secret?: boolean
  hasSecretPath?: boolean
  isPublic?: boolean
  expected?: string
  expectedForm?: (text: string) => string
}
type IntegerLimits = { minimum?: number; maximum?: number }
type TextLimits = { minLength?: number; maxLength?: number; pattern?: string | RegExp; format?: string }

function effectiveSettings(schema: TObject, settings: Settings): EffectiveSetting[] {
  const properties: Record<string, SettingSchema> = schema.properties
  return Object.entries(properties).map(([name, schema]) => {
    if (schema.default === undefined || !schema.description)
      throw new TypeError(`${name} must have a default and a description.`)
    if (mayBeSecret(schema) && fileSettingOf(name) in properties)
      throw new TypeError(
        `${fileSettingOf(name)} is a setting of its own, so it cannot have the value of ${name}.`,
      )
    const file = mayBeSecret(schema) ? fileValueOf(settings, name) : undefined
    const text = file?.text ?? effectiveText(properties, settings, name)
    const source = settings.get(file?.setting ?? name)?.source ?? 'default'
    return { name, schema, text, value: convert(schema, text), source, file }
  })
}

/** Whether the value is a secret or has one, as the URL of an engine has a password. */
function mayBeSecret({ secret, hasSecretPath, format }: SettingSchema): boolean {
  return secret === true || hasSecretPath === true || format === engineUrlFormat
}

function effectiveText(properties: Record<string, SettingSchema>, settings: Settings, name: string): string {
  const setting = settings.get(name)
  if (setting) return setting.value
  return String(properties[name]?.default).replace(/\{([A-Z][A-Z0-9_]*)\}/g, (_, other: string) => {
    const referred = properties[other]
    if (referred === undefined || mayBeSecret(referred))
      throw new TypeError(`The default of ${name} refers to ${other}, which is secret or not in the schema.`)
    return effectiveText(properties, settings, other)
  })
}

/** The text as a value of the schema's type; where it is none, a value that is invalid. */
function convert(schema: TSchema, text: string): unknown {
  if (Type.IsString(schema)) return text
  if (Type.IsInteger(schema)) return readWholeNumber(text) ?? text
  if (Type.IsBoolean(schema)) return text === 'true' || (text === 'false' ? false : text)
  if (Type.IsLiteral(schema)) return text === String(schema.const) ? schema.const : text
  if (!Type.IsUnion(schema)) throw new TypeError(`No text can be converted to ${JSON.stringify(schema)}.`)
  return schema.anyOf.map((member) => convert(member, text)).find((value) => Check(schema, value))
}

/** Whether the value is a default that refers to one of the wrong settings, whose fault is reported already. */
function refersTo(wrong: readonly EffectiveSetting[], { source, schema }: EffectiveSetting): boolean {
  return source === 'default' && wrong.some(({ name }) => String(schema.default).includes(`{${name}}`))
}

function fault(setting: EffectiveSetting): string {
  const { file } = setting
  if (file?.fault !== undefined) return file.fault
  // Any file may be named by mistake, so nothing of it is shown.
  if (file !== undefined)
    return `${setting.name} must be ${expectationOf(setting)}, but what is in ${file.path} is not (${file.setting}).`
  const origin = origins[setting.source]
  const shown = JSON.stringify(redacted(setting))
  return `${setting.name} must be ${expectationOf(setting)}, but is ${shown} (${origin}).`
}

function expectationOf({ schema, text }: EffectiveSetting): string {
  const { expectedForm, pattern } = schema
  const hasPattern = pattern === undefined || Check(Type.String({ pattern }), text)
  if (expectedForm !== undefined && hasPattern) return expectedForm(text)
  return expectation(schema)
}

function expectation(schema: SettingSchema): string {
  const { expected, minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
  if (expected) return expected
  if (Type.IsUnion(schema))
    return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(schema.anyOf.map(expectation))
  if (Type.IsLiteral(schema)) return String(schema.const)
  if (Type.IsBoolean(schema)) return 'true or false'
  if (Type.IsInteger(schema)) return `an integer from ${minimum} to ${maximum}`
  return `a text ${textDemands(schema).join(' and ')}`
}

function textDemands({ minLength, maxLength, pattern, format }: TextLimits): string[] {
  return [
    minLength === undefined ? [] : `of at least ${minLength} characters`,
    maxLength === undefined ? [] : `of at most ${maxLength} characters`,
    pattern === undefined ? [] : `that matches ${pattern}`,
    format === undefined ? [] : `in the format ${format}`,
  ].flat()
}

/** An empty secret is shown as empty: that it is missing is no secret. */
function redacted(setting: EffectiveSetting): string {
  const { schema, text, file } = setting
  if (file !== undefined && !isValid(setting)) return text === '' ? '' : '[redacted]'
  if (schema.isPublic) return text
  if (schema.hasSecretPath) return withoutPathOfSetting(text)
  return schema.secret && text !== '' ? '[redacted]' : withoutSecretsOfSetting(text)
}
