import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Json, parseTenantId, type TenantId } from '../../kernel/index.ts'
import type { Config } from '../config.ts'
import { ServerError } from '../errors.ts'
import type { Tenant, TenantDeps } from '../tenant.ts'
import { type CredentialsFile, readCredentialsFile, writeCredentialsFile } from './credentials-file.ts'
import { DEMO_CREDENTIALS, newKeyPair } from './principals.ts'

/** The tenant `demo` and the stand-in upstreams behind it. */
export interface Demo {
  readonly tenant: TenantId
  /** What the manifest of the demo takes from the environment. */
  readonly environment: Readonly<Record<string, string>>
  readonly summary: DemoSummary
  /** Fills the tenant the first time, and writes the credentials file last: what has one is complete. */
  seed(tenant: Tenant): Promise<void>
  close(): Promise<void>
}

export interface DemoSummary {
  readonly credentials: string
  readonly gateway: CredentialsFile['gateway']
  readonly upstreams: readonly { readonly url: string; readonly what: string }[]
}

const FOUNDATION = join(import.meta.dirname, '../../../foundation/demo')

/** Starts the stand-ins and makes sure that the tenant exists. */
export async function openDemo(config: Config, deps: TenantDeps): Promise<Demo> {
  const tenant = parseTenantId('demo')
  if (tenant === undefined) throw new TypeError('`demo` is a tenant id')
  const directory = join(config.data, 'demo')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const upstreamKey = keptKey(join(directory, 'upstream.key'))
  const upstreams = await startUpstreams(config, upstreamKey)
  await deps.stores.createTenant(tenant, deps.clock.now())

  const issuer = `${deps.publicUrl}/t/${tenant}`
  const gateway = {
    openai: `${issuer}/gw/openai/v1`,
    anthropic: `${issuer}/gw/anthropic`,
    mcp: { office: `${issuer}/gw/mcp/office` },
  }
  const credentials = join(directory, 'credentials.json')
  const standIns = join(directory, 'stand-ins.json')
  return {
    tenant,
    environment: { SALLYPORT_DEMO_UPSTREAM_KEY: upstreamKey },
    summary: {
      credentials,
      gateway,
      upstreams: [
        { url: upstreams.model.url, what: 'stand-in model (OpenAI, Anthropic)' },
        { url: upstreams.office.url, what: 'stand-in office (MCP)' },
      ],
    },
    async seed(opened) {
      const manifest = readManifest({
        'http://127.0.0.1:8421': originOf(upstreams.model.url),
        'http://127.0.0.1:8422': originOf(upstreams.office.url),
      })
      if (existsSync(credentials)) {
        // The stand-ins may listen elsewhere than the last time, and so may Sallyport itself.
        const { principals } = readCredentialsFile(credentials)
        writeCredentialsFile(credentials, { issuer, gateway, principals })
        const moved = standInsOf(manifest, opened, readStandIns(standIns))
        if (moved !== undefined) await opened.apply([{ name: 'demo', text: JSON.stringify({ upstreams: moved }) }], [])
        writeStandIns(standIns, upstreams)
        return
      }
      await seedTenant(opened, manifest, { file: credentials, issuer, gateway })
      writeStandIns(standIns, upstreams)
    },
    async close() {
      await upstreams.model.close()
      await upstreams.office.close()
    },
  }
}

async function seedTenant(
  tenant: Tenant,
  manifest: Readonly<Record<string, Json>>,
  target: { readonly file: string; readonly issuer: string; readonly gateway: CredentialsFile['gateway'] },
): Promise<void> {
  const policies = z.array(z.string()).parse(manifest.policies ?? [])
  const files = policies.map((name) => ({ name, text: readFileSync(join(FOUNDATION, name), 'utf8') }))
  const keys: Record<string, Record<string, object>> = {}
  const principals: Record<string, CredentialsFile['principals'][string]> = {}
  for (const { id, section, key } of DEMO_CREDENTIALS) {
    principals[id] = { client_id: id }
    if (key === undefined) continue
    const pair = await newKeyPair()
    keys[section] = { ...keys[section], [id]: declared(manifest, section, id, [pair.publicJwk]) }
    principals[id] = { client_id: id, private_key_jwk: pair.privateJwk }
  }
  await tenant.apply([{ name: 'foundation/demo/tenant.yaml', text: JSON.stringify(manifest) }], files)
  await tenant.apply([{ name: 'keys of the demo', text: JSON.stringify(keys) }], [])
  for (const { id, gatewayKey } of DEMO_CREDENTIALS) {
    if (gatewayKey === undefined) continue
    const { secret } = await tenant.directory.issueGatewayKey(id, { scope: gatewayKey })
    principals[id] = { client_id: id, ...principals[id], gateway_key: secret }
  }
  for (const server of Object.keys(target.gateway.mcp)) await tenant.lookAtTools(server)
  writeCredentialsFile(target.file, { issuer: target.issuer, gateway: target.gateway, principals })
}

function declared(manifest: Readonly<Record<string, Json>>, section: string, id: string, keys: object[]): object {
  const entries = z.record(z.string(), z.record(z.string(), z.json())).parse(manifest[section])
  return { ...entries[id], keys }
}

/** The manifest of the demo, its upstreams moved to where the stand-ins really listen. */
function readManifest(moved: Readonly<Record<string, string>>): Readonly<Record<string, Json>> {
  const value = z.record(z.string(), z.json()).parse(parse(readFileSync(join(FOUNDATION, 'tenant.yaml'), 'utf8')))
  const upstreams = z.record(z.string(), z.looseObject({ url: z.url() })).parse(value.upstreams)
  const placed = Object.entries(upstreams).map(([id, upstream]) => {
    const origin = moved[originOf(upstream.url)]
    return [
      id,
      origin === undefined
        ? upstream
        : { ...upstream, url: origin + upstream.url.slice(originOf(upstream.url).length) },
    ]
  })
  return { ...value, upstreams: Object.fromEntries(placed) }
}

/** The upstreams that still are the stand-ins of the last start; those that somebody has pointed elsewhere are theirs. */
function standInsOf(
  manifest: Readonly<Record<string, Json>>,
  { catalog }: Tenant,
  last: readonly string[],
): Readonly<Record<string, Json>> | undefined {
  const declared = z.record(z.string(), z.json()).parse(manifest.upstreams)
  const ours = Object.entries(declared).filter(([id]) => {
    const upstream = catalog.upstream(id)
    return upstream !== undefined && last.includes(originOf(upstream.url))
  })
  return ours.length === 0 ? undefined : Object.fromEntries(ours)
}

interface StandIns {
  readonly model: { readonly url: string }
  readonly office: { readonly url: string }
}

function writeStandIns(file: string, { model, office }: StandIns): void {
  writeFileSync(file, `${JSON.stringify([originOf(model.url), originOf(office.url)])}\n`, { mode: 0o600 })
}

function readStandIns(file: string): readonly string[] {
  return existsSync(file) ? z.array(z.string()).parse(JSON.parse(readFileSync(file, 'utf8'))) : []
}

function originOf(url: string): string {
  return new URL(url).origin
}

async function startUpstreams(config: Config, apiKey: string) {
  const { startModelUpstream, startOfficeUpstream } = await import('../../../examples/upstreams/index.ts')
  const host = '127.0.0.1'
  const started = async <T>(port: number, start: () => Promise<T>): Promise<T> => {
    try {
      return await start()
    } catch (error) {
      throw new ServerError('listen_failed', `port ${port} on ${host}, for a stand-in of the demo, cannot be had`, {
        cause: error,
      })
    }
  }
  const { modelPort, officePort } = config.demo
  const model = await started(modelPort, () => startModelUpstream({ host, port: modelPort, apiKey }))
  try {
    const office = await started(officePort, () => startOfficeUpstream({ host, port: officePort, apiKey }))
    return { model, office }
  } catch (error) {
    await model.close()
    throw error
  }
}

function keptKey(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}
