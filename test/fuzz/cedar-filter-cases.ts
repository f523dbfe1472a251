import type { ColumnMapping, EntityJson, ResourceMapping, ValueJson } from '../../src/cedar/index.ts'
import type { Random } from './cedar-random.ts'
import { quote } from './cedar-world.ts'

// Documents in a table, and policies about them.

export interface Row {
  readonly id: string
  readonly title: string | null
  readonly project: string
  readonly size: number | bigint | null
  readonly public: boolean | null
  readonly owner: string | null
  readonly team: string | null
  readonly folder: string | null
  readonly labels: readonly string[] | null
  readonly numbers: readonly number[]
  readonly at: number | null
  readonly level: number | null
  readonly score: number | null
}

const attributes: Readonly<Record<string, ColumnMapping>> = {
  title: { type: 'string', column: 'title' },
  project: { type: 'string', column: 'project', required: true },
  size: { type: 'long', column: 'size' },
  public: { type: 'bool', column: 'public' },
  // Who owns a document is known by id; the team of the owner by a join.
  owner: {
    type: 'entity',
    entity: 'User',
    column: 'owner',
    attributes: { team: { type: 'string', column: 'd.team' } },
  },
  labels: { type: 'set', element: 'string', column: 'labels' },
  numbers: { type: 'set', element: 'long', column: 'numbers', required: true },
  at: { type: 'datetime', column: 'at' },
  meta: { type: 'record', attributes: { level: { type: 'long', column: 'level' } } },
  score: { type: 'decimal', column: 'score' },
}

export const MAPPING: ResourceMapping = {
  id: 'd.id',
  attributes,
  tags: { grade: { type: 'long', column: 'level' } },
  parents: [{ column: 'folder', type: 'Folder' }],
}

const TITLES = ['', 'a', 'A', 'ab', 'a*b', 'a?b', '[a]', '100%', 'a_b', '\\', 'é😀', "'; --", 'null'] as const
const PROJECTS = ['p1', 'p2', 'P1'] as const
const USERS = ['ann', 'bob', 'eve'] as const
const FOLDERS = ['root', 'x', 'xy', 'z'] as const
const SIZES = [0, 1, -5, 9007199254740991, 9223372036854775807n, -9223372036854775808n] as const
const LABELS = ['red', 'Red', 'a"b', '7', ''] as const

export const ENTITIES: readonly EntityJson[] = [
  { uid: { type: 'Folder', id: 'x' }, parents: [{ type: 'Folder', id: 'root' }] },
  { uid: { type: 'Folder', id: 'xy' }, parents: [{ type: 'Folder', id: 'x' }] },
  { uid: { type: 'Folder', id: 'z' } },
  {
    uid: { type: 'User', id: 'ann' },
    attrs: { team: 'blue' },
    parents: [
      { type: 'Doc', id: 'd3' },
      { type: 'Group', id: 'g' },
    ],
  },
  { uid: { type: 'User', id: 'bob' }, attrs: { team: 'red' }, parents: [{ type: 'Group', id: 'g' }] },
]
const TEAMS: Readonly<Record<string, string>> = { ann: 'blue', bob: 'red' }

export function makeRow(random: Random, index: number): Row {
  const maybe = <T>(item: () => T): T | null => (random.chance(0.2) ? null : item())
  const owner = maybe(() => random.pick(USERS))
  return {
    id: `d${index}`,
    title: maybe(() => random.pick(TITLES)),
    project: random.pick(PROJECTS),
    size: maybe(() => random.pick(SIZES)),
    public: maybe(() => random.chance(0.5)),
    owner,
    team: owner === null ? null : (TEAMS[owner] ?? null),
    folder: maybe(() => random.pick(FOLDERS)),
    labels: maybe(() => LABELS.filter(() => random.chance(0.4))),
    numbers: [1, 2, 3].filter(() => random.chance(0.4)),
    at: maybe(() => random.pick([0, 86_400_000, -1])),
    level: maybe(() => random.below(4)),
    score: maybe(() => random.pick([0, 15_000, -1])),
  }
}

/** The row as the entity that `decide` is asked about. */
export function entityOf(row: Row): EntityJson {
  const attrs: Record<string, ValueJson | null> = {
    title: row.title,
    project: row.project,
    size: row.size,
    public: row.public,
    owner: row.owner === null ? null : { __entity: { type: 'User', id: row.owner } },
    labels: row.labels,
    numbers: row.numbers,
    at: row.at === null ? null : { __extn: { fn: 'datetime', arg: new Date(row.at).toISOString() } },
    meta: row.level === null ? {} : { level: row.level },
    score: row.score === null ? null : { __extn: { fn: 'decimal', arg: (row.score / 10_000).toFixed(4) } },
  }
  return {
    uid: { type: 'Doc', id: row.id },
    attrs: Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== null)),
    parents: row.folder === null ? [] : [{ type: 'Folder', id: row.folder }],
    tags: row.level === null ? {} : { grade: row.level },
  }
}

/** Policies whose conditions can be translated. */
export function makeFilterPolicies(random: Random): string {
  const policies = random.list(1, 4, () => {
    const effect = random.chance(0.7) ? 'permit' : 'forbid'
    const resource = random.pick([
      'resource',
      'resource',
      'resource is Doc',
      `resource in Folder::${quote(random.pick(FOLDERS))}`,
      `resource == Doc::"d${random.below(20)}"`,
      'resource is Folder',
      `resource is Doc in Folder::${quote(random.pick(FOLDERS))}`,
    ])
    const conditions = random.list(0, 2, () => ` ${random.chance(0.7) ? 'when' : 'unless'} { ${condition(random, 3)} }`)
    return `${effect}(principal, action, ${resource})${conditions.join('')};`
  })
  return policies.join('\n')
}

function condition(random: Random, depth: number): string {
  const below = (): string => condition(random, depth - 1)
  if (depth === 0 || random.chance(0.3)) return atom(random)
  switch (random.below(5)) {
    case 0:
      return `(${below()} || ${below()})`
    case 1:
      return `!(${below()})`
    case 2:
      return `(if ${below()} then ${below()} else ${below()})`
    default:
      return `(${below()} && ${below()})`
  }
}

function atom(random: Random): string {
  const equal = random.pick(['==', '!='])
  const order = random.pick(['<', '<=', '>', '>='])
  const user = `User::${quote(random.pick(USERS))}`
  const label = quote(random.pick(LABELS))
  return random.pick([
    `resource.title ${equal} ${quote(random.pick(TITLES))}`,
    `resource.title like ${random.pick(['"a*"', '"*b"', '"a\\*b"', '"*?*"', '"[a]"', '"*%*"', '"a_b"', '"*\\\\*"', '"*"', '"é*"'])}`,
    `${quote(random.pick(PROJECTS))} ${equal} resource.project`,
    `["p1", 7, "P1"].contains(resource.project)`,
    `resource.project ${equal} context.project`,
    `resource.size ${order} ${random.pick(['0', '1', '9007199254740993', '9223372036854775807', '(-9223372036854775808)'])}`,
    `${random.pick(['0', '7'])} ${order} resource.size`,
    `resource.size ${equal} 1`,
    'resource.public',
    `resource.public ${equal} ${random.pick(['true', 'false', 'principal.nope', '"x"'])}`,
    `resource has ${random.pick(['title', 'size', 'owner', 'project', 'meta.level', 'owner.team'])}`,
    `resource.owner ${equal} ${random.pick(['principal', user])}`,
    `resource.owner in ${random.pick(['Group::"g"', user, `[${user}, Group::"g"]`, 'Doc::"d3"'])}`,
    'resource.owner is User',
    'resource.owner is Group',
    `resource.owner.team ${equal} principal.team`,
    'principal in resource',
    'principal in resource.owner',
    `resource in ${random.pick(['Folder::"root"', 'Folder::"x"', 'Doc::"d4"', '[Folder::"z", Doc::"d2"]', 'Group::"g"'])}`,
    `resource.labels.contains(${random.pick([label, '7', 'context.project'])})`,
    `resource.labels.containsAny([${label}, "red"])`,
    `resource.labels.containsAll([${label}, ${random.pick(['"red"', label, '1'])}])`,
    `resource.numbers.contains(${random.pick(['1', '2', '"1"'])})`,
    'resource.labels.isEmpty()',
    'resource.numbers.isEmpty()',
    `resource.at ${order} datetime("1970-01-01")`,
    `resource.at ${equal} datetime("1970-01-02")`,
    `resource.meta.level ${order} 2`,
    `resource.getTag("grade") ${equal} 1`,
    'resource.hasTag("grade")',
    `resource.score.${random.pick(['lessThan', 'greaterThanOrEqual'])}(decimal("0.5"))`,
    `resource.size ${order} "a"`,
    `resource.project ${order} "a"`,
    'resource.title',
    `resource.meta.level ${equal} resource.size`,
    `resource.title ${equal} resource.project`,
    `principal.team == "blue"`,
    'context.nope',
    'true',
    'false',
  ])
}
