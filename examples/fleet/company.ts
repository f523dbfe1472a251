import { type Random, randomFrom } from './random.ts'

/** A company of about 60 people and 200 agents. The same seed makes the same one. */
export interface Company {
  readonly people: readonly Person[]
  readonly agents: readonly FleetAgent[]
  readonly services: readonly FleetService[]
  readonly projects: readonly FleetProject[]
  readonly models: readonly FleetModel[]
  readonly servers: readonly FleetServer[]
  /** The one that somebody has taken over. */
  readonly compromised: FleetAgent
}

export interface Person {
  readonly id: string
  readonly project: string
  readonly roles: readonly string[]
}

export const AGENT_TYPES = [
  'analyst',
  'rag-reader',
  'code-assistant',
  'ticket-agent',
  'mail-assistant',
  'researcher',
  'training-optimiser',
  'inference-client',
  'deployer',
  'break-fix',
  'orchestrator',
] as const
export type AgentType = (typeof AGENT_TYPES)[number]

export interface FleetAgent {
  readonly id: string
  readonly type: AgentType
  readonly project: string
  readonly sponsor: string
  readonly level: number | undefined
}

export interface FleetService {
  readonly id: string
  readonly group: 'batch' | 'pipelines' | 'portals' | 'enforcement'
  readonly project: string
}

export interface FleetProject {
  readonly id: string
  readonly dataset: string
  readonly tables: readonly FleetTable[]
  readonly index: string
  readonly documents: readonly string[]
  readonly jobs: readonly string[]
}

export interface FleetTable {
  readonly id: string
  readonly classification: 'internal' | 'confidential' | 'restricted'
  readonly columns: readonly string[]
}

export interface FleetModel {
  readonly id: string
  readonly project: string
  readonly sensitivity: 'low' | 'medium' | 'high'
}

export interface FleetServer {
  readonly id: string
  readonly trusted: boolean
  readonly tools: readonly FleetTool[]
}

export interface FleetTool {
  /** `SERVER/NAME` */
  readonly id: string
  readonly name: string
  readonly guarded: readonly string[]
  readonly isAccepted: boolean
}

export function companyOf(seed = 1): Company {
  const random = randomFrom(seed)
  const projects = PROJECTS.map(projectOf)
  const people = NAMES.map((id, index) => personOf(id, index))
  const agents = AGENT_TYPES.flatMap((type) =>
    Array.from({ length: COUNTS[type] }, (_, index) => agentOf(type, index, people, random)),
  )
  const compromised = agents.find(({ id }) => id === 'ticket-agent-07')
  if (compromised === undefined) throw new Error('the company has no agent that could be taken over')
  return { people, agents, services: SERVICES, projects, models: MODELS, servers: SERVERS, compromised }
}

const PROJECTS = ['churn', 'pricing', 'support', 'platform', 'vision', 'fraud', 'search', 'people']

const COUNTS: Readonly<Record<AgentType, number>> = {
  analyst: 40,
  'rag-reader': 25,
  'code-assistant': 40,
  'ticket-agent': 25,
  'mail-assistant': 15,
  researcher: 10,
  'training-optimiser': 12,
  'inference-client': 15,
  deployer: 6,
  'break-fix': 4,
  orchestrator: 8,
}

const NAMES = (
  'ada aino alan amir anna arun ben bela carla chen clara dana david diego dora elif emil emma erik eva ' +
  'farah felix finn gita greta hana hugo ida igor ines iris ivan jana jonas jude kai karin kemal lara leo ' +
  'lena luis maja marc mei mila nina noah nora olaf omar pia rosa sami sara sven tara tom vera yara'
).split(' ')

/** Who does what else in the company. */
const DUTIES: Readonly<Record<string, readonly string[]>> = {
  ada: ['tenant-admin', 'security-admin', 'auditor'],
  alan: ['security-admin', 'auditor'],
  anna: ['auditor'],
  emil: ['ml-operator'],
  greta: ['ml-operator'],
}

const SERVICES: readonly FleetService[] = [
  { id: 'data-gateway', group: 'enforcement', project: 'platform' },
  { id: 'training-gateway', group: 'enforcement', project: 'platform' },
  { id: 'portal', group: 'portals', project: 'platform' },
  { id: 'chat-portal', group: 'portals', project: 'support' },
  { id: 'nightly-scores', group: 'batch', project: 'churn' },
  { id: 'price-runs', group: 'batch', project: 'pricing' },
  { id: 'embedding-runs', group: 'batch', project: 'search' },
  { id: 'label-runs', group: 'batch', project: 'vision' },
  { id: 'ingest-calls', group: 'pipelines', project: 'churn' },
  { id: 'ingest-tickets', group: 'pipelines', project: 'support' },
  { id: 'ingest-orders', group: 'pipelines', project: 'pricing' },
]

const MODELS: readonly FleetModel[] = [
  { id: 'chat-small', project: 'platform', sensitivity: 'low' },
  { id: 'chat-large', project: 'platform', sensitivity: 'medium' },
  { id: 'code-large', project: 'platform', sensitivity: 'medium' },
  { id: 'embed', project: 'platform', sensitivity: 'low' },
  { id: 'rerank', project: 'search', sensitivity: 'low' },
  { id: 'churn-score', project: 'churn', sensitivity: 'medium' },
  { id: 'price-score', project: 'pricing', sensitivity: 'medium' },
  { id: 'fraud-score', project: 'fraud', sensitivity: 'high' },
  { id: 'vision-detect', project: 'vision', sensitivity: 'low' },
]

const tool = (server: string, name: string, guarded: readonly string[] = [], isAccepted = true): FleetTool => ({
  id: `${server}/${name}`,
  name,
  guarded,
  isAccepted,
})

const SERVERS: readonly FleetServer[] = [
  { id: 'crm', trusted: true, tools: [tool('crm', 'read_customer'), tool('crm', 'update_customer')] },
  {
    id: 'desk',
    trusted: false,
    tools: [
      tool('desk', 'find_ticket'),
      tool('desk', 'read_ticket'),
      tool('desk', 'reply', ['/to']),
      tool('desk', 'close_ticket'),
    ],
  },
  {
    id: 'code',
    trusted: true,
    tools: [
      tool('code', 'search'),
      tool('code', 'read_file'),
      tool('code', 'write_file'),
      tool('code', 'run_tests'),
      tool('code', 'open_pull_request', ['/branch']),
    ],
  },
  {
    id: 'office',
    trusted: false,
    tools: [tool('office', 'search_mail'), tool('office', 'read_mail'), tool('office', 'send_mail', ['/to'])],
  },
  {
    id: 'calendar',
    trusted: true,
    tools: [tool('calendar', 'list_events'), tool('calendar', 'create_event', ['/attendee'])],
  },
  {
    id: 'web',
    trusted: false,
    tools: [tool('web', 'search'), tool('web', 'fetch'), tool('web', 'screenshot', [], false)],
  },
  { id: 'wiki', trusted: true, tools: [tool('wiki', 'search'), tool('wiki', 'read_page')] },
  {
    id: 'deploy',
    trusted: true,
    tools: [tool('deploy', 'status'), tool('deploy', 'rollout'), tool('deploy', 'rollback'), tool('deploy', 'restart')],
  },
]

function projectOf(id: string): FleetProject {
  const tables = TABLES.map(
    ({ name, classification }, index): FleetTable => ({
      id: `${id}/${name}`,
      // What is about people is restricted, whichever table it stands in.
      classification: id === 'people' && index > 0 ? 'restricted' : classification,
      columns: COLUMNS.map((column) => `${id}/${name}/${column}`),
    }),
  )
  return {
    id,
    dataset: `${id}/data`,
    tables,
    index: `${id}/notes`,
    documents: Array.from({ length: 12 }, (_, n) => `${id}/note-${String(n + 1).padStart(2, '0')}`),
    jobs: [`${id}/nightly`, `${id}/weekly`],
  }
}

const TABLES = [
  { name: 'events', classification: 'internal' },
  { name: 'accounts', classification: 'confidential' },
  { name: 'totals', classification: 'internal' },
  { name: 'persons', classification: 'restricted' },
] as const
const COLUMNS = ['id', 'day', 'amount', 'note']

function personOf(id: string, index: number): Person {
  return { id, project: PROJECTS[index % PROJECTS.length] ?? 'platform', roles: DUTIES[id] ?? [] }
}

function agentOf(type: AgentType, index: number, people: readonly Person[], random: Random): FleetAgent {
  const project = HOMES[type]?.[index % (HOMES[type]?.length ?? 1)] ?? PROJECTS[index % PROJECTS.length] ?? 'platform'
  const near = people.filter((person) => person.project === project)
  return {
    id: `${type}-${String(index + 1).padStart(2, '0')}`,
    type,
    project,
    sponsor: random.pick(near).id,
    level: LADDER.has(type) ? 1 + random.below(3) : undefined,
  }
}

/** Where agents of a type work, where it is not everywhere. */
const HOMES: Readonly<Partial<Record<AgentType, readonly string[]>>> = {
  'ticket-agent': ['support'],
  'training-optimiser': ['churn', 'pricing', 'vision', 'search'],
  deployer: ['platform'],
  'break-fix': ['platform'],
}
const LADDER: ReadonlySet<AgentType> = new Set(['training-optimiser', 'deployer', 'break-fix', 'orchestrator'])
