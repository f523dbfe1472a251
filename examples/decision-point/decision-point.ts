/** Asks Sallyport's decision point (AuthZEN 1.0). `url` is the tenant's: `http://localhost:8420/t/demo`. */
export interface DecisionPoint {
  /** Whether a user may do an action on a resource. What cannot be asked is denied. */
  isAllowed(user: string, action: string, resource: Resource): Promise<boolean>
  /** The rows of a table that a user may do an action on, as a condition for WHERE. */
  filter(user: string, action: string, type: string, sql: object): Promise<Condition>
}

export interface Resource {
  readonly type: string
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>>
}

export interface Condition {
  readonly text: string
  readonly parameters: readonly (string | number)[]
}

export function decisionPoint(url: string, token: () => Promise<string>): DecisionPoint {
  const post = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(2_000),
    })
    if (!answer.ok) throw new Error(`the decision point answered ${answer.status}: ${await answer.text()}`)
    return answer.json()
  }
  const subject = (id: string) => ({ type: 'user', id })
  return {
    async isAllowed(user, action, resource) {
      const question = { subject: subject(user), action: { name: action }, resource }
      const answer = (await post('/access/v1/evaluation', question).catch(() => undefined)) as { decision?: unknown }
      return answer?.decision === true
    },
    async filter(user, action, type, sql) {
      const question = { subject: subject(user), action: { name: action }, resource: { type }, sql }
      return ((await post('/api/filter', question)) as { sql: Condition }).sql
    },
  }
}
