import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { z } from 'zod'
import { type Credentials, type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import {
  type ModelUpstream,
  type OfficeUpstream,
  startModelUpstream,
  startOfficeUpstream,
} from '../../examples/upstreams/index.ts'

/**
 * A started Sallyport before stand-ins that the test holds in its hand: it can see what reached them. The tenant is the
 * demo's, with its upstreams moved here, every misbehaving model added, and more principals.
 */
export interface House {
  readonly sallyport: Sallyport
  readonly credentials: Credentials
  readonly model: ModelUpstream
  readonly office: OfficeUpstream
  /** The key that Sallyport has for the stand-ins. */
  readonly upstreamKey: string
  /** Applies a further manifest, with the policies that stand beside it, by the name of their file. */
  apply(manifest: object, policies?: Readonly<Record<string, string>>): Promise<void>
  /** A new gateway key. */
  key(principal: string, scope?: readonly ('models' | 'tools')[]): Promise<string>
  /** The records of one request, oldest first. */
  records(txn: string): Promise<readonly LogRecord[]>
  close(): Promise<void>
}

const LogRecord = z.looseObject({
  index: z.number(),
  kind: z.string(),
  txn: z.string().optional(),
  body: z.looseObject({
    action: z.string().optional(),
    decision: z.enum(['allow', 'deny', 'observed-deny']).optional(),
    resource: z.looseObject({ type: z.string(), id: z.string() }).optional(),
    reasons: z.array(z.looseObject({ policy: z.string() })).optional(),
    status: z.string().optional(),
    httpStatus: z.number().optional(),
    of: z.number().optional(),
  }),
})
export type LogRecord = z.infer<typeof LogRecord>

export async function openHouse(config: object = {}): Promise<House> {
  const upstreamKey = randomBytes(16).toString('hex')
  const model = await startModelUpstream({ apiKey: upstreamKey })
  const office = await startOfficeUpstream({ apiKey: upstreamKey })
  const closeUpstreams = async (): Promise<void> => {
    await Promise.all([model.close(), office.close()])
  }
  const sallyport = await startSallyport({ config }).catch(async (error: unknown) => {
    await closeUpstreams()
    throw error
  })
  const keys = await registeredKeys(['carol', 'dispatcher', 'outsider'])
  const credentials = { ...sallyport.credentials, principals: { ...sallyport.credentials.principals, ...keys.private } }
  const house: House = {
    sallyport,
    credentials,
    model,
    office,
    upstreamKey,
    apply: (manifest, policies = {}) => apply(sallyport, manifest, policies),
    async key(principal, scope = ['models']) {
      const answer = await succeed(sallyport, 'keys', 'issue', principal, '--scope', ...scope, '--json')
      return z.object({ secret: z.string() }).parse(JSON.parse(answer)).secret
    },
    async records(txn) {
      return z.array(LogRecord).parse(JSON.parse(await succeed(sallyport, 'log', 'show', '--request', txn, '--json')))
    },
    async close() {
      await sallyport.remove()
      await closeUpstreams()
    },
  }
  try {
    await house.apply(manifestOf(model, office, upstreamKey, keys.public))
  } catch (error) {
    await house.close()
    throw error
  }
  return house
}

/** Runs a command that must succeed, and returns what it printed. */
export async function succeed(sallyport: Sallyport, ...args: readonly string[]): Promise<string> {
  const { ok, stdout, stderr } = await sallyport.cli(...args)
  if (!ok) throw new Error(`sallyport ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}

async function apply(
  sallyport: Sallyport,
  manifest: object,
  policies: Readonly<Record<string, string>>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-manifest-'))
  try {
    const names = Object.keys(policies)
    for (const name of names) writeFileSync(join(directory, name), policies[name] ?? '')
    const file = join(directory, 'tenant.yaml')
    writeFileSync(file, JSON.stringify(names.length === 0 ? manifest : { ...manifest, policies: names }))
    await succeed(sallyport, 'apply', '-f', file)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

type PublicKeys = Readonly<Record<string, readonly object[]>>

function manifestOf(model: ModelUpstream, office: OfficeUpstream, key: string, keys: PublicKeys): object {
  const credential = { value: key }
  const quick = { firstByte: 1_000, idle: 5_000 }
  const openai = [
    'demo-chat',
    'demo-slow',
    'demo-embed',
    'demo-hang',
    'demo-fail',
    'demo-busy',
    'demo-drop',
    'demo-garbage',
  ]
  const anthropic = ['demo-slow', 'demo-hang', 'demo-fail', 'demo-busy', 'demo-drop', 'demo-garbage']
  return {
    users: { carol: { name: 'Carol', roles: ['inference-client'], keys: keys.carol } },
    agents: { dispatcher: { name: 'Dispatcher', sponsor: 'bob', type: 'assistant', keys: keys.dispatcher } },
    services: { outsider: { name: 'Outsider', keys: keys.outsider } },
    upstreams: {
      'demo-openai': { kind: 'openai', url: `${model.url}/v1`, credential, timeouts: quick },
      'demo-anthropic': { kind: 'anthropic', url: model.url, credential, timeouts: quick },
      // nobody listens on port 9 of loopback
      nobody: { kind: 'openai', url: 'http://127.0.0.1:9/v1', credential, timeouts: quick },
      office: {
        kind: 'mcp',
        url: office.url,
        credential,
        trusted: false,
        acceptFirst: true,
        tools: { send_message: { guarded: ['/to'] } },
      },
    },
    models: {
      ...Object.fromEntries(openai.map((id) => [id, { upstream: 'demo-openai', upstreamModel: id }])),
      'demo-claude': { upstream: 'demo-anthropic', upstreamModel: 'demo-claude' },
      ...Object.fromEntries(anthropic.map((id) => [`claude-${id}`, { upstream: 'demo-anthropic', upstreamModel: id }])),
      'demo-nobody': { upstream: 'nobody', upstreamModel: 'demo-chat' },
    },
  }
}

async function registeredKeys(
  ids: readonly string[],
): Promise<{ private: Credentials['principals']; public: PublicKeys }> {
  const made = await Promise.all(
    ids.map(async (id) => {
      const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
      const kid = `${id}-1`
      return {
        id,
        secret: { ...(await exportJWK(privateKey)), kid },
        known: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
      }
    }),
  )
  return {
    private: Object.fromEntries(made.map(({ id, secret }) => [id, { client_id: id, private_key_jwk: secret }])),
    public: Object.fromEntries(made.map(({ id, known }) => [id, [known]])),
  }
}
