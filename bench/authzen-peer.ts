// The same questions to casbin behind Fastify: no authentication, no records.
import type { AddressInfo } from 'node:net'
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin'
import Fastify from 'fastify'
import { POLICIES, SUBJECTS } from './authzen-policies.ts'

const model = newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)`)
const policies = Array.from({ length: POLICIES }, (_, i) => {
  return `p, ${i < SUBJECTS ? `group${i}` : `other${i}`}, model${i % SUBJECTS}, model:invoke`
})
const members = Array.from({ length: SUBJECTS }, (_, i) => `g, user${i}, group${i}`)
const enforcer = await newEnforcer(model, new StringAdapter([...policies, ...members].join('\n')))

interface Question {
  readonly subject: { readonly id: string }
  readonly action: { readonly name: string }
  readonly resource: { readonly id: string }
}

const app = Fastify()
const decide = ({ subject, action, resource }: Question) => ({
  decision: enforcer.enforceSync(subject.id, resource.id, action.name),
})
app.post('/access/v1/evaluation', async (request) => decide(request.body as Question)) // only the benchmark asks
app.post('/access/v1/evaluations', async (request) => ({
  evaluations: (request.body as { evaluations: Question[] }).evaluations.map(decide), // as above
}))
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.((app.server.address() as AddressInfo).port) // listening on TCP
