import { readFileSync } from 'node:fs'
import { accessToken } from '../tour/clients.ts'
import type { Credentials } from '../tour/sallyport.ts'
import { companyOf } from './company.ts'
import { castOf, evaluations } from './play.ts'
import { type FleetRequest, requestsOf, type TrafficOptions } from './requests.ts'

export interface AskedServer {
  readonly decisions: number
  readonly went: number
  readonly refused: number
  /** Of the planted misuse. */
  readonly misuse: { readonly who: string; readonly went: number; readonly refused: number }
}

/** Requests that are under way at the same time. */
const AT_ONCE = 16

/**
 * Lets the company work against a running Sallyport, now and as fast as it answers: each request is put to the decision
 * API, as an enforcement point would. The credentials are those of the demo, or of `SALLYPORT_CREDENTIALS`.
 */
export async function askServer(traffic: TrafficOptions): Promise<AskedServer> {
  const file = process.env.SALLYPORT_CREDENTIALS ?? 'data/demo/credentials.json'
  // Written by Sallyport itself.
  const credentials = JSON.parse(readFileSync(file, 'utf8')) as Credentials
  const company = companyOf()
  const cast = castOf(company)
  const requests = requestsOf(company, traffic)
  const { token } = await accessToken(credentials, 'olivia', { audience: 'api', scope: 'admin' })
  const counts = { decisions: 0, went: 0, refused: 0, misuse: { went: 0, refused: 0 } }
  const ask = async (request: FleetRequest): Promise<void> => {
    const answer = await fetch(`${credentials.issuer}/access/v1/evaluations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(evaluations(request, cast)),
    })
    if (!answer.ok) throw new Error(`the server answered ${answer.status}: ${await answer.text()}`)
    const told = (await answer.json()) as { readonly evaluations: readonly { readonly decision: boolean }[] } // AuthZEN 1.0
    for (const { decision } of told.evaluations) {
      counts.decisions++
      counts[decision ? 'went' : 'refused']++
      if (request.misuse !== undefined) counts.misuse[decision ? 'went' : 'refused']++
    }
  }
  for (let first = 0; first < requests.length; first += AT_ONCE) {
    await Promise.all(requests.slice(first, first + AT_ONCE).map(ask))
  }
  return { ...counts, misuse: { who: company.compromised.id, ...counts.misuse } }
}
