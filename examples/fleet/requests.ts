import type { AgentType, Company, FleetAgent, FleetProject, Person } from './company.ts'
import { type Random, randomFrom } from './random.ts'

/** One thing that somebody of the company wants to do. */
export interface FleetRequest {
  /** Milliseconds since the epoch; requests come in this order. */
  readonly at: number
  /** Through the gateway, or by an enforcement point that asks the decision API. */
  readonly way: 'gateway' | 'authzen'
  /** Ids, from the subject to the actor. */
  readonly chain: readonly string[]
  readonly questions: readonly [FleetQuestion, ...FleetQuestion[]]
  /** Requests of one conversation have the same. */
  readonly session: number
  /** Milliseconds before `at` when the caller proved who it is; and with several factors. */
  readonly authenticatedBefore: number
  readonly mfaBefore?: number | undefined
  readonly address?: string | undefined
  readonly scope?: readonly string[] | undefined
  readonly mandate?: FleetMandate | undefined
  /** Of the planted misuse, and of which sort. */
  readonly misuse?: Misuse
}

/**
 * What the compromised agent does: what its type never does, what untrusted content told it to, and reading more than
 * anybody needs with what it may use.
 */
export type Misuse = 'never-done' | 'untrusted' | 'broad'

export interface FleetQuestion {
  readonly action: string
  readonly resource: { readonly type: string; readonly id: string }
  /** Texts of the arguments by JSON pointer, and who brought them. */
  readonly arguments?: Readonly<Record<string, FleetArgument>>
  readonly facts?: { readonly [name: string]: string | readonly string[] }
  readonly amounts?: { readonly input_tokens: number; readonly output_tokens: number }
}

export interface FleetArgument {
  readonly text: string
  readonly source: 'user' | 'model' | `tool:${string}`
  readonly trusted: boolean
}

export interface FleetMandate {
  readonly actions: readonly string[]
  readonly resources: readonly { readonly type: string; readonly id: string }[]
  readonly purpose?: string | undefined
  /** Milliseconds after `at`; one that has ended is below 0. */
  readonly endsAfter: number
  readonly within?: FleetMandate
}

export interface TrafficOptions {
  readonly seed?: number
  /** How many questions, at least; a request of an enforcement point has several. */
  readonly decisions: number
  /** Of the first day, in milliseconds since the epoch; Monday, 9 November 2026 in Vienna unless it is given. */
  readonly from?: number
  readonly days?: number
  /** Without the agent that was taken over where it is false. */
  readonly misuse?: boolean
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
export const FIRST_DAY = Date.UTC(2026, 10, 8, 23)

/** What happens in the company, in the order of time. The same options make the same requests. */
export function requestsOf(company: Company, options: TrafficOptions): readonly FleetRequest[] {
  const { seed = 1, decisions, from = FIRST_DAY, days = 7, misuse = true } = options
  const random = randomFrom(seed ^ 0x5eed)
  const scene = sceneOf(company)
  const requests: FleetRequest[] = []
  let asked = 0
  for (let session = 1; asked < decisions; session++) {
    const start = momentOf(random, from, days)
    for (const request of sessionOf(random, scene, session, start)) {
      requests.push(request)
      asked += request.questions.length
    }
  }
  if (misuse) requests.push(...misuseOf(random, scene, from + Math.min(3, days - 1) * DAY + 2 * HOUR))
  return requests.sort((a, b) => a.at - b.at)
}

/** More on working days, and by day. */
function momentOf(random: Random, from: number, days: number): number {
  for (;;) {
    const at = from + random.below(days * DAY)
    const hour = ((at - from) % DAY) / HOUR
    const isWeekend = Math.floor((at - from) / DAY) % 7 >= 5
    const busy = (hour >= 7 && hour < 19 ? 1 : 0.08) * (isWeekend ? 0.15 : 1)
    if (random.chance(busy)) return at
  }
}

interface Scene {
  readonly company: Company
  readonly projects: ReadonlyMap<string, FleetProject>
  readonly members: ReadonlyMap<string, readonly Person[]>
  readonly orchestrators: readonly FleetAgent[]
  readonly addresses: ReadonlyMap<string, string>
}

function sceneOf(company: Company): Scene {
  const projects = new Map(company.projects.map((project) => [project.id, project]))
  const members = new Map(
    company.projects.map(({ id }) => [id, company.people.filter(({ project }) => project === id)]),
  )
  const orchestrators = company.agents.filter(({ type }) => type === 'orchestrator')
  const all = [...company.agents, ...company.services]
  const addresses = new Map(
    all.map(({ id }, index) => [id, `${NETWORKS[index % NETWORKS.length]}${1 + (index % 250)}`]),
  )
  return { company, projects, members, orchestrators, addresses }
}

// Private, Austrian, German and American addresses.
const NETWORKS = ['10.1.0.', '10.1.1.', '193.171.23.', '131.130.1.', '141.30.1.', '8.8.4.']

/** What one caller does in a row. */
function sessionOf(random: Random, scene: Scene, session: number, start: number): readonly FleetRequest[] {
  const { company } = scene
  if (random.chance(0.06)) return serviceSession(random, scene, session, start)
  const agent = random.pick(company.agents)
  const chain = chainFor(random, scene, agent)
  const isDelegated = chain.length > 1
  const authenticatedBefore = random.below(40 * MINUTE)
  const caller = {
    chain,
    session,
    address: random.chance(0.004) ? '101.6.6.6' : scene.addresses.get(agent.id),
    scope: random.chance(0.02) ? ['models'] : undefined,
    mandate: isDelegated && random.chance(0.7) ? mandateFor(random, agent, chain.length) : undefined,
  }
  const requests: FleetRequest[] = []
  let at = start
  const count = 2 + random.below(10)
  for (let n = 0; n < count; n++) {
    at += 500 + random.below(20_000)
    const [way, questions] = actsOf(random, scene, agent)
    const passed = authenticatedBefore + (at - start)
    const mfaBefore = isDelegated && random.chance(0.3) ? passed : undefined
    requests.push({ ...caller, at, way, questions, authenticatedBefore: passed, mfaBefore })
  }
  return requests
}

function chainFor(random: Random, scene: Scene, agent: FleetAgent): readonly string[] {
  const { members, orchestrators, company } = scene
  const person = random.pick(members.get(agent.project) ?? company.people).id
  const shape = random.weighted(ALONE.has(agent.type) ? { one: 8, two: 2, three: 0, four: 0 } : DELEGATED)
  const portal = random.chance(0.5) ? 'portal' : 'chat-portal'
  switch (shape) {
    case 'one':
      return [agent.id]
    case 'two':
      return [person, agent.id]
    case 'three':
      return agent.type === 'orchestrator' ? [person, agent.id] : [person, random.pick(orchestrators).id, agent.id]
    case 'four':
      return agent.type === 'orchestrator'
        ? [person, portal, agent.id]
        : [person, portal, random.pick(orchestrators).id, agent.id]
  }
}

const DELEGATED = { one: 20, two: 62, three: 13, four: 5 }
const ALONE: ReadonlySet<AgentType> = new Set(['training-optimiser', 'deployer', 'break-fix', 'inference-client'])

function mandateFor(random: Random, agent: FleetAgent, links: number): FleetMandate {
  const { project } = agent
  const tenant = { type: 'Tenant', id: 'demo' }
  const isNarrow = agent.type === 'analyst' && random.chance(0.5)
  const whole: FleetMandate = {
    actions: ['models', 'tools', 'data', 'training', 'operations'],
    resources: [tenant],
    purpose: agent.type === 'analyst' && random.chance(0.05) ? 'investigation' : PURPOSES[agent.type],
    endsAfter: random.chance(0.01) ? -MINUTE : HOUR,
  }
  if (!isNarrow && links < 3) return whole
  const resources = isNarrow
    ? [uid('Project', project), uid('ToolServer', 'wiki'), uid('Model', 'chat-large')]
    : [tenant]
  return { ...whole, actions: ['models', 'tools', 'data'], resources, endsAfter: whole.endsAfter / 2, within: whole }
}

const PURPOSES: Readonly<Partial<Record<AgentType, string>>> = {
  analyst: 'quarterly-report',
  'rag-reader': 'answering',
  'code-assistant': 'maintenance',
  'ticket-agent': 'customer-care',
  'mail-assistant': 'correspondence',
}

type Acts = readonly [FleetRequest['way'], readonly [FleetQuestion, ...FleetQuestion[]]]

/** What an agent of its type does next. */
function actsOf(random: Random, scene: Scene, agent: FleetAgent): Acts {
  const project = scene.projects.get(agent.project)
  if (project === undefined) throw new RangeError(`an agent of an unknown project: ${agent.project}`)
  const { type } = agent
  switch (type) {
    case 'analyst': {
      const what = random.weighted({ read: 55, model: 30, wiki: 13, score: 2 })
      if (what === 'read') return ['authzen', reading(random, project)]
      if (what === 'score') return gateway(invoke(random, 'fraud-score'))
      return what === 'model' ? gateway(invoke(random, chatModel(random))) : gateway(wiki(random))
    }
    case 'rag-reader': {
      const what = random.weighted({ embed: 30, notes: 40, model: 25, wiki: 5 })
      if (what === 'embed') return gateway(invoke(random, 'embed'))
      if (what === 'notes') return ['authzen', retrieving(random, project)]
      return what === 'model' ? gateway(invoke(random, 'chat-small')) : gateway(wiki(random))
    }
    case 'code-assistant': {
      const what = random.weighted({ model: 40, read: 30, search: 12, write: 10, tests: 5, propose: 3 })
      if (what === 'model') return gateway(invoke(random, 'code-large'))
      return gateway(coding(random, what))
    }
    case 'ticket-agent': {
      const what = random.weighted({ model: 35, find: 15, read: 20, customer: 15, reply: 10, close: 3, notes: 2 })
      if (what === 'model') return gateway(invoke(random, 'chat-small'))
      if (what === 'notes') return gateway(readNote(random, project))
      return gateway(ticketing(random, what))
    }
    case 'mail-assistant': {
      const what = random.weighted({ model: 35, search: 15, read: 30, send: 12, events: 5, invite: 3 })
      if (what === 'model') return gateway(invoke(random, 'chat-large'))
      return gateway(mailing(random, what))
    }
    case 'researcher': {
      const what = random.weighted({ model: 40, search: 25, fetch: 28, wiki: 6, screenshot: 1 })
      if (what === 'model') return gateway(invoke(random, 'chat-large'))
      if (what === 'wiki') return gateway(wiki(random))
      const text = what === 'fetch' ? `https://example.org/${random.below(500)}` : `prices ${random.below(50)}`
      return gateway(call(`web/${what}`, { [what === 'fetch' ? '/url' : '/q']: [text, 'user'] }))
    }
    case 'training-optimiser':
      return ['authzen', training(random, project)]
    case 'inference-client':
      return gateway(invoke(random, random.pick(['chat-small', 'embed', 'rerank', 'vision-detect', 'churn-score'])))
    case 'deployer': {
      const what = random.weighted({ status: 50, read: 25, register: 10, deploy: 10, rollout: 5 })
      if (what === 'status' || what === 'rollout')
        return gateway(call(`deploy/${what}`, { '/service': ['chat', 'user'] }))
      const model = random.chance(0.03) ? 'fraud-score' : random.pick(['chat-small', 'vision-detect', 'price-score'])
      return ['authzen', [{ action: `model:${what}`, resource: { type: 'Model', id: model } }]]
    }
    case 'break-fix': {
      const what = random.weighted({ status: 60, restart: 15, rollback: 5, machines: 15, emergency: 5 })
      if (what === 'machines') return ['authzen', [{ action: 'compute:read', resource: uid('Compute', 'gpu-pool') }]]
      if (what === 'emergency') {
        return ['authzen', [{ action: 'secret:use', resource: uid('Secret', 'break-glass') }]]
      }
      return gateway(call(`deploy/${what}`, { '/service': ['chat', 'user'] }))
    }
    case 'orchestrator':
      return gateway(random.chance(0.8) ? invoke(random, 'chat-large') : wiki(random))
  }
}

function gateway(question: FleetQuestion): Acts {
  return ['gateway', [question]]
}

function uid(type: string, id: string): { readonly type: string; readonly id: string } {
  return { type, id }
}

function chatModel(random: Random): string {
  return random.chance(0.7) ? 'chat-large' : 'chat-small'
}

function invoke(random: Random, model: string): FleetQuestion {
  const amounts = { input_tokens: 200 + random.below(6000), output_tokens: 100 + random.below(1500) }
  return { action: 'model:invoke', resource: uid('Model', model), amounts }
}

/** A call of a tool; of each argument the text, and who brought it. */
function call(tool: string, args: Readonly<Record<string, readonly [string, FleetArgument['source'], boolean?]>>) {
  const entries = Object.entries(args).map(([pointer, [text, source, trusted = source === 'user']]) => [
    pointer,
    { text, source, trusted },
  ])
  // The entries are made in the lines above.
  const given = Object.fromEntries(entries) as Readonly<Record<string, FleetArgument>>
  return { action: 'tool:call', resource: uid('Tool', tool), arguments: given } as const
}

function wiki(random: Random): FleetQuestion {
  return random.chance(0.4)
    ? call('wiki/search', { '/q': [`how to ${random.below(80)}`, 'user'] })
    : call('wiki/read_page', { '/page': [`page-${random.below(200)}`, 'model'] })
}

/** A few tables or columns of the project, now and then one that is restricted. */
function reading(random: Random, project: FleetProject): readonly [FleetQuestion, ...FleetQuestion[]] {
  const facts = { destination: random.chance(0.97) ? 'eu' : 'us' }
  const open = project.tables.filter(({ classification }) => classification !== 'restricted')
  const table = random.chance(0.03) || open.length === 0 ? random.pick(project.tables) : random.pick(open)
  const whole: FleetQuestion = { action: 'data:read', resource: uid('Table', table.id), facts }
  if (random.chance(0.4)) return [whole]
  return [
    whole,
    ...table.columns
      .filter(() => random.chance(0.7))
      .map((column): FleetQuestion => ({ action: 'data:read', resource: uid('Column', column), facts })),
  ]
}

function retrieving(random: Random, project: FleetProject): readonly [FleetQuestion, ...FleetQuestion[]] {
  return [
    { action: 'data:read', resource: uid('Index', project.index), facts: { destination: 'eu' } },
    ...Array.from({ length: 1 + random.below(6) }, () => readNote(random, project)),
  ]
}

function readNote(random: Random, { documents }: FleetProject): FleetQuestion {
  return { action: 'document:read', resource: uid('Document', random.pick(documents)) }
}

function coding(random: Random, what: 'read' | 'search' | 'write' | 'tests' | 'propose'): FleetQuestion {
  const folder = random.weighted({ src: 70, test: 25, docs: 5 })
  const path = `${folder}/${random.pick(['api', 'store', 'pages', 'jobs'])}/file-${random.below(60)}.ts`
  switch (what) {
    case 'read':
      return call('code/read_file', { '/path': [random.chance(0.002) ? 'deploy/.env' : path, 'tool:code', true] })
    case 'search':
      return call('code/search', { '/q': [`function ${random.below(300)}`, 'model'] })
    case 'write':
      return call('code/write_file', { '/path': [path, 'tool:code', true], '/text': ['…', 'model'] })
    case 'tests':
      return call('code/run_tests', { '/suite': ['unit', 'model'] })
    case 'propose':
      return call('code/open_pull_request', {
        '/branch': [`fix-${random.below(90)}`, 'user'],
        '/title': ['…', 'model'],
      })
  }
}

function ticketing(random: Random, what: 'find' | 'read' | 'customer' | 'reply' | 'close'): FleetQuestion {
  const ticket = `T-${random.below(4000)}`
  const customer = `customer-${random.below(900)}`
  switch (what) {
    case 'find':
      return call('desk/find_ticket', { '/q': [`refund ${random.below(40)}`, 'user'] })
    case 'read':
      return call('desk/read_ticket', { '/id': [ticket, 'tool:desk', false] })
    case 'customer':
      return call('crm/read_customer', { '/id': [customer, 'tool:desk', false] })
    case 'reply': {
      // Whom to answer is named by the user, or by the company's own records; now and then only by the ticket itself.
      const source = random.chance(0.97) ? (random.chance(0.5) ? 'user' : 'tool:crm') : 'tool:desk'
      const to = [`${customer}@example.net`, source, source !== 'tool:desk'] as const
      return call('desk/reply', { '/to': to, '/text': ['…', 'model'] })
    }
    case 'close':
      return call('desk/close_ticket', { '/id': [ticket, 'user'] })
  }
}

function mailing(random: Random, what: 'search' | 'read' | 'send' | 'events' | 'invite'): FleetQuestion {
  const colleague = `colleague-${random.below(60)}@example.com`
  switch (what) {
    case 'search':
      return call('office/search_mail', { '/q': [`invoice ${random.below(100)}`, 'user'] })
    case 'read':
      return call('office/read_mail', { '/id': [`M-${random.below(5000)}`, 'tool:office', false] })
    case 'send': {
      const to = random.chance(0.8) ? colleague : `partner-${random.below(30)}@example.net`
      const source = random.weighted({ user: 96, model: 2, 'tool:office': 2 })
      return call('office/send_mail', { '/to': [to, source], '/body': ['…', 'model'] })
    }
    case 'events':
      return call('calendar/list_events', { '/day': ['today', 'user'] })
    case 'invite':
      return call('calendar/create_event', { '/attendee': [colleague, 'user'], '/title': ['…', 'model'] })
  }
}

function training(random: Random, { id, jobs }: FleetProject): readonly [FleetQuestion, ...FleetQuestion[]] {
  const job = random.pick(jobs)
  const look: readonly [FleetQuestion, ...FleetQuestion[]] = [
    { action: 'training:read', resource: uid('TrainingJob', job) },
    { action: 'metric:read', resource: uid('Metric', `${job}/loss`) },
    ...(random.chance(0.5) ? [{ action: 'runlog:read', resource: uid('RunLog', `${job}/log`) }] : []),
  ]
  const what = random.weighted({ look: 70, tune: 18, machines: 8, stop: 3, elsewhere: 1 })
  if (what === 'look') return look
  if (what === 'machines') return [{ action: 'compute:read', resource: uid('Compute', 'gpu-pool') }]
  if (what === 'stop') return [{ action: 'training:stop', resource: uid('TrainingJob', job) }]
  const parameters = random.pick([['learning_rate'], ['learning_rate', 'warmup'], ['batch_size'], ['optimizer']])
  const other = id === 'churn' ? 'pricing/nightly' : 'churn/nightly'
  const resource = uid('TrainingJob', what === 'elsewhere' ? other : job)
  return [{ action: 'training:tune', resource, facts: { parameters } }]
}

/** Workloads on their own account, and people who ask for something themselves. */
function serviceSession(random: Random, scene: Scene, session: number, start: number): readonly FleetRequest[] {
  const { company, projects } = scene
  const service = random.pick(company.services.filter(({ group }) => group === 'batch' || group === 'pipelines'))
  const project = projects.get(service.project) ?? random.pick(company.projects)
  const count = 5 + random.below(20)
  const address = scene.addresses.get(service.id)
  return Array.from({ length: count }, (_, n): FleetRequest => {
    const caller = { at: start + n * 2000, session, chain: [service.id], address, authenticatedBefore: n * 2000 }
    if (service.group === 'batch') {
      return { ...caller, way: 'gateway', questions: [invoke(random, random.pick(['chat-small', 'embed']))] }
    }
    const table = random.pick(project.tables)
    const action = random.chance(0.6) ? 'data:write' : 'data:read'
    const question = { action, resource: uid('Table', table.id), facts: { destination: 'eu' } }
    return { ...caller, way: 'authzen', questions: [question] }
  })
}

/** One night, an agent that answers tickets does what a ticket told it to. */
function misuseOf(random: Random, scene: Scene, start: number): readonly FleetRequest[] {
  const { company, projects, addresses } = scene
  const { compromised } = company
  const sensitive = ['fraud', 'people'].flatMap((id) => projects.get(id)?.tables ?? [])
  const others = company.projects.filter(({ id }) => id !== compromised.project).flatMap(({ documents }) => documents)
  const stolen = [`drop-${random.below(10)}@example.org`, 'tool:desk', false] as const
  const acts: readonly (readonly [Misuse, FleetRequest['way'], FleetQuestion])[] = [
    ...sensitive.map((table) => {
      const question = { action: 'data:read', resource: uid('Table', table.id), facts: { destination: 'us' } }
      return ['never-done', 'authzen', question] as const
    }),
    ...['deploy/.env', 'src/keys/master.ts', 'deploy/secrets.yaml', 'src/store/tables.ts'].map((path) => {
      return ['never-done', 'gateway', call('code/read_file', { '/path': [path, 'tool:desk', false] })] as const
    }),
    ...['break-glass', 'billing'].map((id) => {
      return ['never-done', 'authzen', { action: 'secret:use', resource: uid('Secret', id) }] as const
    }),
    ...Array.from({ length: 6 }, () => {
      return ['untrusted', 'gateway', call('office/send_mail', { '/to': stolen, '/body': ['…', 'model'] })] as const
    }),
    ...Array.from({ length: 6 }, () => {
      return ['untrusted', 'gateway', call('desk/reply', { '/to': stolen, '/text': ['…', 'model'] })] as const
    }),
    ...Array.from({ length: 4 }, () => {
      return ['broad', 'gateway', call('crm/read_customer', { '/id': ['*', 'tool:desk', false] })] as const
    }),
    ...others.slice(0, 24).map((id) => {
      return ['broad', 'gateway', { action: 'document:read', resource: uid('Document', id) }] as const
    }),
  ]
  return acts.map(([misuse, way, question], n) => ({
    at: start + n * 4000 + random.below(1500),
    way,
    chain: [compromised.id],
    questions: [question],
    session: -1,
    authenticatedBefore: n * 4000,
    address: addresses.get(compromised.id),
    misuse,
  }))
}
