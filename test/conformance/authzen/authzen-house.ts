import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { type Sallyport, startSallyport } from '../../../examples/tour/sallyport.ts'

/** A started Sallyport with one scenario, and a service that asks it. */
export interface AuthzenHouse {
  readonly sallyport: Sallyport
  readonly issuer: string
  readonly token: string
  /** Posts to `/access/v1/…`. */
  post(
    endpoint: string,
    body: object,
  ): Promise<{ readonly status: number; readonly body: { readonly [name: string]: unknown } }>
  send(endpoint: string, body: string, headers: Readonly<Record<string, string>>): Promise<Response>
  close(): Promise<void>
}

/** `folder` has the files that a user would write: `tenant.yaml`, and what it names. */
export async function openAuthzenHouse(folder: string, service = 'harness'): Promise<AuthzenHouse> {
  const sallyport = await startSallyport()
  try {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const own = mkdtempSync(join(tmpdir(), 'sallyport-authzen-'))
    try {
      const harness = join(own, 'harness.yaml')
      const known = { ...(await exportJWK(publicKey)), kid: `${service}-1`, alg: 'ES256' }
      writeFileSync(harness, JSON.stringify({ services: { [service]: { keys: [known] } } }))
      // The policies of the scenario take the place of those by which the demo's people may apply anything.
      await succeed(sallyport, 'apply', '-f', harness)
      await succeed(sallyport, 'apply', '--lock-out', '-f', join(folder, 'tenant.yaml'))
      const credentials = join(own, 'credentials.json')
      const secret = { ...(await exportJWK(privateKey)), kid: `${service}-1` }
      const { principals, ...rest } = sallyport.credentials
      const withHarness = { ...principals, [service]: { client_id: service, private_key_jwk: secret } }
      writeFileSync(credentials, JSON.stringify({ ...rest, principals: withHarness }))
      const token = await succeed(sallyport, '--credentials', credentials, 'token', service, '--audience', 'api')
      return houseOf(sallyport, token.trim())
    } finally {
      rmSync(own, { recursive: true, force: true })
    }
  } catch (error) {
    await sallyport.remove()
    throw error
  }
}

function houseOf(sallyport: Sallyport, token: string): AuthzenHouse {
  const { issuer } = sallyport.credentials
  const send: AuthzenHouse['send'] = (endpoint, body, headers) =>
    fetch(`${issuer}/access/v1/${endpoint}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body,
    })
  return {
    sallyport,
    issuer,
    token,
    send,
    async post(endpoint, body) {
      const answer = await send(endpoint, JSON.stringify(body), {})
      return { status: answer.status, body: (await answer.json()) as { readonly [name: string]: unknown } }
    },
    close: () => sallyport.remove(),
  }
}

/** Runs a command that must succeed, and returns what it printed. */
export async function succeed(sallyport: Sallyport, ...args: readonly string[]): Promise<string> {
  const { ok, stdout, stderr } = await sallyport.cli(...args)
  if (!ok) throw new Error(`sallyport ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}
