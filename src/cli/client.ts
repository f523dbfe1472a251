import { randomUUID } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import { z } from 'zod'
import { errorText } from '../kernel/index.ts'
import { adviceSchema, adviceText } from './advice-text.ts'
import type { Credentials } from './credentials.ts'
import { CliError } from './errors.ts'

export interface AccessToken {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/**
 * Asks the authorization server for a token for one principal, with its own key (RFC 7523 client assertion).
 * `audience` is what the token is for: `gw` (models and tools) or `api` (administration).
 */
export async function requestToken(
  credentials: Credentials,
  name: string,
  audience: 'gw' | 'api',
  scope: string,
): Promise<AccessToken> {
  const principal = credentials.principals[name]
  if (principal?.private_key_jwk === undefined) {
    const able = Object.entries(credentials.principals)
      .filter(([, entry]) => entry.private_key_jwk !== undefined)
      .map(([entry]) => `\`${entry}\``)
    throw new CliError(
      'credentials_missing',
      `no private key for \`${name}\` in the credentials; there is ${able.join(', ')}`,
    )
  }
  const { issuer } = credentials
  const jwk = principal.private_key_jwk
  const key = await importJWK({ ...jwk, alg: 'ES256' })
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', ...(typeof jwk.kid === 'string' ? { kid: jwk.kid } : {}) })
    .setIssuer(principal.client_id)
    .setSubject(principal.client_id)
    .setAudience(issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(key)
  const { token_endpoint } = z
    .object({ token_endpoint: z.url() })
    .parse(await (await reach(`${issuer}/.well-known/openid-configuration`)).json())
  const answer = await reach(token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: principal.client_id,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      resource: `${issuer}/${audience}`,
      scope,
    }),
  })
  const body = z.object({ access_token: z.string(), expires_in: z.number() }).safeParse(await answer.json())
  if (!body.success) throw new CliError('refused', `\`${name}\` got no token`, { detail: `status ${answer.status}` })
  return { token: body.data.access_token, expiresAt: Date.now() + body.data.expires_in * 1000 }
}

/** The administration API of one tenant, called as one principal. */
export interface ApiClient {
  readonly issuer: string
  /** Calls an endpoint below the issuer. Throws `refused` with the server's own sentence. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>
  /** The bare answer; throws only when the server cannot be reached. */
  fetch(path: string, init?: RequestInit): Promise<Response>
}

export function apiClient(credentials: Credentials, name: string): ApiClient {
  let current: AccessToken | undefined
  const fetchWithToken = async (path: string, init: RequestInit = {}): Promise<Response> => {
    if (current === undefined || current.expiresAt < Date.now() + 10_000) {
      current = await requestToken(credentials, name, 'api', 'admin')
    }
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${current.token}`)
    return reach(`${credentials.issuer}${path}`, { ...init, headers })
  }
  return {
    issuer: credentials.issuer,
    fetch: fetchWithToken,
    async call(method, path, body) {
      const answer = await fetchWithToken(path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      if (!answer.ok) throw await refusal(answer)
      return answer.json()
    },
  }
}

/** What one tenant serves to everybody, below the URL of the tenant. Throws `usage` for what is not a URL. */
export function anonymousClient(url: string): Pick<ApiClient, 'fetch'> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new CliError('usage', `\`${url}\` is not a URL`)
  const issuer = url.replace(/\/+$/, '')
  return { fetch: (path, init) => reach(`${issuer}${path}`, init) }
}

/** The server's own sentence for a refusal, with the remedy and what would help where it said so. */
export async function refusal(answer: Response): Promise<CliError> {
  const parsed = z
    .object({
      error: z.object({ message: z.string(), remedy: z.string().optional(), advice: adviceSchema.optional() }),
    })
    .safeParse(await answer.json().catch(() => undefined))
  if (!parsed.success) return new CliError('refused', `the server answered ${answer.status}`)
  const { message, remedy, advice = [] } = parsed.data.error
  const help = advice.length === 0 ? [] : [`what would help: ${adviceText(advice)}`]
  return new CliError('refused', [message, ...(remedy === undefined ? [] : [remedy]), ...help].join('; '))
}

async function reach(url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { redirect: 'error', ...init })
  } catch (error) {
    throw new CliError('unreachable', `no sallyport answers at \`${new URL(url).origin}\``, {
      detail: errorText(error),
    })
  }
}
