import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { pino } from 'pino'
import { Pool } from 'undici'
import { createHttpServer } from '../../src/http/index.ts'
import { parseTenantId, systemClock, type TenantId } from '../../src/kernel/index.ts'
import { openMasterKey } from '../../src/keys/index.ts'
import { openTenant, type Tenant } from '../../src/server/tenant.ts'
import { openStores } from '../../src/store/index.ts'

/** Two tenants of one server: `north` asks, `south` has what it must not learn of. */
export interface Houses {
  readonly north: House
  readonly south: House
  /** Sends a request over HTTP. */
  send(request: HttpRequest): Promise<HttpAnswer>
  close(): Promise<void>
}

export interface House {
  readonly tenant: Tenant
  /** Of the service that may do everything in its tenant. */
  readonly token: string
  /** A gateway key of an agent. */
  readonly key: string
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** How many of each kind of thing a tenant has. */
export const THINGS = 20

export async function openHouses(): Promise<Houses> {
  const data = mkdtempSync(join(tmpdir(), 'sallyport-isolation-'))
  const stores = openStores(data)
  const tenants = new Map<TenantId, Tenant>()
  const log = pino({ level: 'silent' })
  let url = ''
  const http = createHttpServer({
    tenant: (id) => {
      const parsed = parseTenantId(id)
      return parsed === undefined ? undefined : tenants.get(parsed)
    },
    writable: () => true,
    version: '0',
    publicUrl: () => url,
    maxBody: 1_048_576,
    log,
  })
  url = `http://127.0.0.1:${await http.listen({ host: '127.0.0.1', port: 0 })}`
  const pool = new Pool(url, { connections: 32 })
  const deps = {
    stores,
    master: openMasterKey({ directory: data, environment: undefined }),
    publicUrl: url,
    clock: systemClock,
    log,
    environment: {},
    witnesses: [],
    witnessQuorum: 0,
  }
  const send = async ({ method, path, headers, body }: HttpRequest): Promise<HttpAnswer> => {
    const answer = await pool.request({
      method: method as 'POST',
      path,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() }
  }
  const open = async (name: string): Promise<House> => {
    const id = parseTenantId(name)
    if (id === undefined) throw new TypeError(name)
    await stores.createTenant(id, systemClock.now())
    const tenant = await openTenant(id, deps)
    tenants.set(id, tenant)
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const known = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }
    const policies = { name: `${name}.cedar`, text: policiesOf(name) }
    const schema = { name: 'shop.cedarschema', text: SCHEMA }
    await tenant.apply([{ name: 'tenant.yaml', text: JSON.stringify(manifestOf(name, known)) }], [schema, policies])
    const admin = `${name}-admin`
    const token = await tokenOf(tenant.issuer, admin, privateKey)
    const issued = await send({
      method: 'POST',
      path: `/t/${name}/api/principals/${name}-agent0/keys`,
      headers: { authorization: `Bearer ${token}` },
      body: '{}',
    })
    return { tenant, token, key: (JSON.parse(issued.body) as { secret: string }).secret }
  }
  return {
    north: await open('north'),
    south: await open('south'),
    send,
    async close() {
      await pool.close()
      await http.close(100)
      for (const tenant of tenants.values()) await tenant.close()
      await stores.close()
      rmSync(data, { recursive: true, force: true })
    },
  }

  async function tokenOf(
    issuer: string,
    id: string,
    key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'],
  ): Promise<string> {
    const { origin, pathname } = new URL(issuer)
    const discovery = await fetch(`${origin}/.well-known/oauth-authorization-server${pathname}`)
    const { token_endpoint: endpoint } = (await discovery.json()) as { token_endpoint: string }
    const assertion = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(issuer)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(key)
    const answer = await fetch(endpoint, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        resource: `${issuer}/api`,
        scope: 'admin',
      }),
    })
    const { access_token: token } = (await answer.json()) as { access_token?: string }
    if (token === undefined) throw new Error(`no token for ${id}: ${answer.status}`)
    return token
  }
}

const SCHEMA = `namespace Shop {
  entity Order in [Project, Tenant] { total?: Long, owner?: User };
  action view, refund in [Action::"data"] appliesTo { principal: [User, Service, Agent], resource: [Order] };
}`

/** Whoever is of the tenant may do nearly everything in it, so that a name that leaks in would be allowed. */
function policiesOf(name: string): string {
  return `@id("${name}/everything") permit (principal in Group::"${name}-staff", action, resource in Tenant::"${name}");
@id("${name}/admin") permit (principal == Service::"${name}-admin", action in Action::"admin", resource);`
}

function manifestOf(name: string, key: object): object {
  const many = (kind: string, value: (i: number) => object) =>
    Object.fromEntries(Array.from({ length: THINGS }, (_, i) => [`${name}-${kind}${i}`, value(i)]))
  const references = (type: string, kind: string) =>
    Object.fromEntries(Array.from({ length: THINGS }, (_, i) => [`${type}::"${name}-${kind}${i}"`, {}]))
  return {
    users: many('user', () => ({ name: 'User' })),
    agents: many('agent', (i) => ({ name: 'Agent', sponsor: `${name}-user${i}`, type: 'assistant' })),
    services: { [`${name}-admin`]: { name: 'Admin', keys: [key] } },
    groups: {
      [`${name}-staff`]: {
        members: Array.from({ length: THINGS }, (_, i) => [`${name}-user${i}`, `${name}-agent${i}`]).flat(),
      },
    },
    resources: {
      ...references('Dataset', 'data'),
      ...references('Template', 'template'),
      ...references('Shop::Order', 'order'),
    },
    upstreams: { [`${name}-models`]: { kind: 'openai', url: 'http://127.0.0.1:9/v1', credential: { value: 'none' } } },
    models: many('model', () => ({ upstream: `${name}-models`, upstreamModel: 'm' })),
    schema: 'shop.cedarschema',
    policies: [`${name}.cedar`],
  }
}
