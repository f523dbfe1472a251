import type { Fleet } from '../../examples/fleet/fleet.ts'
import { FIRST_DAY } from '../../examples/fleet/requests.ts'
import type { Layer, PolicyFile } from '../../src/access/index.ts'
import { type PrincipalRef, parsePrincipalId } from '../../src/kernel/index.ts'

/** What a company goes through while it works, so that its decisions are made in many states and under many policies. */
export async function workThroughChanges(fleet: Fleet, decisions: number): Promise<void> {
  const part = Math.ceil(decisions / STEPS.length)
  for (const [seed, step] of STEPS.entries()) {
    await step(fleet)
    await fleet.play({ decisions: part, seed: seed + 1, from: FIRST_DAY + seed * DAYS * DAY, days: DAYS })
  }
}

const DAY = 86_400_000
const DAYS = 2

type Step = (fleet: Fleet) => Promise<unknown>

const STEPS: readonly Step[] = [
  async () => undefined,
  // People and agents change.
  async ({ tenant, clock }) => {
    await tenant.directory.setStatus('ticket-agent-03', 'suspended')
    await tenant.directory.setStanding('break-fix-01', { level: 0 })
    const risk = { score: 95, source: 'watch', at: clock.now(), until: clock.now() + 20 * 3_600_000 }
    await tenant.directory.setStanding('researcher-02', { risk })
  },
  // Lists.
  async ({ tenant, clock }) => {
    await tenant.lists.add('admin', 'ada', [
      entry('principal', 'analyst-04'),
      entry('resource', 'Project::pricing', { project: 'pricing' }),
      { ...entry('agent-type', 'orchestrator'), until: clock.now() + 30 * 3_600_000 },
    ])
  },
  // Policies of one layer, and back again: the agent type loses what it could do for a while.
  async (fleet) => activate(fleet, LESS),
  async ({ tenant }) => {
    const [last] = await tenant.revisions.activations({ layer: CODE, limit: 1 })
    return tenant.revisions.rollback(CODE, last?.before ?? '', asked('as it was'))
  },
  // A restart, in which nothing has changed, and one in which something has.
  async (fleet) => fleet.reopen(),
  async ({ tenant }) => {
    for (const { id, target } of [...tenant.lists.book.entries()]) {
      if (target.kind === 'principal') await tenant.lists.remove(id)
    }
    await tenant.directory.setStatus('ticket-agent-03', 'active')
  },
]

const CODE: Layer = { kind: 'agent', type: 'AgentType', id: 'code-assistant' }
const LESS: readonly PolicyFile[] = [
  {
    name: 'policies/code-assistant.cedar',
    layer: CODE,
    text: `
@id("code-assistant/read")
permit (principal, action == Action::"tool:call", resource)
when { resource in [Tool::"code/search", Tool::"code/read_file", Tool::"code/run_tests"] };
@id("code-assistant/nothing")
forbid (principal, action == Action::"tool:call", resource == Tool::"code/write_file");
@id("code-assistant/ask")
@approval("15m")
forbid (principal, action == Action::"tool:call", resource == Tool::"code/run_tests");
@id("code-assistant/busy")
permit (principal, action == Action::"tool:call", resource)
when { context has usage && context.usage.share < 50 };
`,
  },
  {
    name: 'policies/code-limits.cedar',
    layer: CODE,
    as: 'limits',
    text: `
@id("limit/code")
@limit("3/hour")
permit (principal, action == Action::"tool:call", resource)
when { resource in [Tool::"code/search", Tool::"code/read_file"] };
`,
  },
]

async function activate({ tenant }: Fleet, files: readonly PolicyFile[]): Promise<void> {
  const { address } = await tenant.revisions.push({ layer: CODE, files, message: 'less', by: [ada()] })
  await tenant.revisions.activate([address], asked('less'))
}

function asked(message: string) {
  return { by: [ada()], message }
}

function ada(): PrincipalRef {
  const id = parsePrincipalId('ada')
  if (id === undefined) throw new TypeError('`ada` is an id')
  return { kind: 'User', id }
}

function entry(kind: 'principal' | 'resource' | 'agent-type', value: string, scope = {}) {
  return { list: 'deny' as const, target: { kind, value }, scope, reason: 'a try', until: undefined }
}
