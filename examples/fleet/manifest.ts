import { AGENT_TYPES, type Company, type FleetProject } from './company.ts'

/** The company as a manifest: what stands in `tenant/company.yaml`. One line for each thing. */
export function manifestOf(company: Company): string {
  const { people, agents, services, projects, models, servers } = company
  const lines: string[] = ['# Made by `node examples/fleet/main.ts write`: the company that the traffic is of.', '']
  const section = (name: string, entries: readonly (readonly [string, object])[]): void => {
    lines.push(`${name}:`, ...entries.map(([id, value]) => `  ${id}: ${flow(value)}`), '')
  }
  section(
    'users',
    people.map(({ id, project, roles }) => [
      id,
      {
        name: id[0]?.toUpperCase() + id.slice(1),
        project,
        roles: [...roles, { role: 'data-scientist', on: `Project::${project}` }],
      },
    ]),
  )
  section('groups', [
    ['staff', { members: people.map(({ id }) => id) }],
    ...(['batch', 'pipelines', 'portals', 'enforcement'] as const).map((group): [string, object] => [
      group,
      {
        members: services.filter((one) => one.group === group).map(({ id }) => id),
        ...(group === 'enforcement' ? { roles: ['enforcement-point'] } : {}),
      },
    ]),
  ])
  section(
    'services',
    services.map(({ id, project }) => [id, { project }]),
  )
  section('agentTypes', [
    ...AGENT_TYPES.map((type): [string, object] => [
      type,
      type === 'inference-client' ? { roles: ['inference-client'] } : {},
    ]),
  ])
  section('roles', [
    ['project-reader', { title: 'Reads the data and the notes of one project' }],
    ['project-trainer', { title: 'Looks after the training of one project' }],
  ])
  section(
    'agents',
    agents.map(({ id, type, project, sponsor, level }) => [
      id,
      {
        sponsor,
        type,
        project,
        ...(level === undefined ? {} : { level }),
        ...(ROLES[type] === undefined ? {} : { roles: [{ role: ROLES[type], on: `Project::${project}` }] }),
      },
    ]),
  )
  section(
    'projects',
    projects.map(({ id }) => [id, {}]),
  )
  section('resources', [
    ...projects.flatMap(resourcesOf),
    ...models.map(({ id, project, sensitivity }): [string, object] => [
      `Model::${id}`,
      { project, attributes: { sensitivity } },
    ]),
    ...servers.flatMap(({ id, trusted, tools }): (readonly [string, object])[] => [
      [`ToolServer::${id}`, { project: 'platform', attributes: { trusted } }],
      ...tools.map(({ id: path, name, guarded, isAccepted }): [string, object] => [
        `Tool::${path}`,
        {
          in: [`ToolServer::${id}`],
          attributes: { name, status: isAccepted ? 'accepted' : 'quarantined', guarded },
        },
      ]),
    ]),
    ['Compute::gpu-pool', { project: 'platform', attributes: { available: true } }],
    ['AccessPoint::rack-room', { project: 'platform' }],
    ['Secret::break-glass', { project: 'platform' }],
    ['Secret::billing', { project: 'fraud' }],
  ])
  return `${lines.join('\n').trimEnd()}\n`
}

const ROLES: Readonly<Record<string, string>> = {
  analyst: 'project-reader',
  'rag-reader': 'project-reader',
  'training-optimiser': 'project-trainer',
}

function resourcesOf({ id, dataset, tables, index, documents, jobs }: FleetProject): readonly [string, object][] {
  return [
    [`Dataset::${dataset}`, { project: id, attributes: { classification: 'internal', region: 'eu' } }],
    ...tables.flatMap(({ id: table, classification, columns }): [string, object][] => [
      [`Table::${table}`, { in: [`Dataset::${dataset}`], attributes: { classification, region: 'eu' } }],
      ...columns.map((column): [string, object] => [`Column::${column}`, { in: [`Table::${table}`] }]),
    ]),
    [`Index::${index}`, { project: id, attributes: { classification: 'internal', region: 'eu' } }],
    ...documents.map((document): [string, object] => [
      `Document::${document}`,
      { in: [`Index::${index}`], attributes: { classification: 'internal', region: 'eu' } },
    ]),
    ...jobs.flatMap((job): [string, object][] => [
      [`TrainingJob::${job}`, { project: id, attributes: { status: 'running' } }],
      [`Metric::${job}/loss`, { in: [`TrainingJob::${job}`] }],
      [`RunLog::${job}/log`, { in: [`TrainingJob::${job}`] }],
    ]),
  ]
}

/** YAML in one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return scalar(value)
  const entries = Object.entries(value).map(([name, one]) => `${name}: ${flow(one)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

function scalar(value: unknown): string {
  return typeof value === 'string' && !/^[A-Za-z][\w./-]*$/.test(value) ? JSON.stringify(value) : String(value)
}
