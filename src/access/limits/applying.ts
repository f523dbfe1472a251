import { createHash } from 'node:crypto'
import type { Entities, Uid } from '../../cedar/index.ts'
import type { Caller, PrincipalRef } from '../../kernel/index.ts'
import type { Decision, EntityRef, PolicyFault } from '../question.ts'
import type { Per, Statement, StatementSet } from './statement.ts'

/** A statement that matches a request, and whose count it is that the request adds to. */
export interface Applying {
  readonly statement: Statement
  /** Within the statement. */
  readonly key: string
  /** The principal for which it matched. */
  readonly principal: EntityRef
  /** Why it could not be evaluated. */
  readonly fault: string | undefined
}

/** A request as the policy engine takes it. */
export interface Asked {
  readonly action: Uid
  readonly resource: Uid
  readonly context: object
  readonly entities: Entities
}

// Otherwise a limit that matches everything could not be undone before its window ends.
const RESET = 'limit:reset'

const NONE: readonly Applying[] = Object.freeze([])

/**
 * Every statement that matches the request for somebody in the chain. One that cannot be evaluated counts as matching:
 * a limit that fails must not open the gate. Where it matches several with the same key, it counts once.
 */
export function applyingTo(caller: Caller, asked: Asked, set: StatementSet): readonly Applying[] {
  if (asked.action.id === RESET) return NONE
  let found: Applying[] | undefined
  for (const link of caller.chain) {
    const principal = { type: link.kind, id: link.id }
    const { action, resource, context, entities } = asked
    const { reasons, errors } = set.engine.decide({ principal, action, resource, context }, entities)
    if (reasons.length + errors.length === 0) continue
    const add = (id: string, fault: string | undefined): void => {
      const statement = set.statements.get(id)
      if (statement === undefined) return
      const key = keyOf(statement, caller, link, asked)
      found ??= []
      if (!found.some((one) => one.statement === statement && one.key === key)) {
        found.push({ statement, key, principal, fault })
      }
    }
    for (const id of reasons) add(id, undefined)
    for (const { policy, message } of errors) add(policy, message)
  }
  return found ?? NONE
}

/** A statement that could not be evaluated counts as matching, and is reported. */
export function withFaults(decision: Decision, applying: readonly Applying[]): Decision {
  const faults = applying.flatMap(({ statement, principal, fault }): readonly PolicyFault[] =>
    fault === undefined ? [] : [{ policy: statement.id, principal, message: fault }],
  )
  return faults.length === 0 ? decision : { ...decision, errors: [...decision.errors, ...faults] }
}

function keyOf(statement: Statement, caller: Caller, link: PrincipalRef, asked: Asked): string {
  const [only, ...more] = statement.per
  if (more.length === 0 && only !== undefined) return partOf(only, caller, link, asked)
  return statement.per.map((per) => partOf(per, caller, link, asked)).join(' ')
}

/** Ids are quoted, so that no two keys read alike. */
function partOf(per: Per, { chain }: Caller, link: PrincipalRef, { resource, entities }: Asked): string {
  switch (per) {
    case 'principal':
      return named(link.kind, link.id)
    case 'subject':
      return named(chain[0].kind, chain[0].id)
    case 'actor': {
      const actor = chain.at(-1) ?? chain[0]
      return named(actor.kind, actor.id)
    }
    case 'chain':
      return chain.map(({ kind, id }) => named(kind, id)).join('>')
    case 'resource':
      return named(resource.type, resource.id)
    case 'project':
      return ancestorsOf(resource, 'Project', entities)
    case 'agentType':
      return ancestorsOf({ type: link.kind, id: link.id }, 'AgentType', entities)
    case 'tenant':
      return 'all'
  }
}

/** Empty where there is none: what is in no project shares one count. */
function ancestorsOf(uid: Uid, type: string, entities: Entities): string {
  const node = entities.find(uid)
  if (node === undefined) return ''
  const found = entities.lineage(node).refs.filter((ref) => ref.type === type)
  return found
    .map(({ id }) => named(type, id))
    .sort()
    .join('+')
}

/** Tools and documents can have ids of any length; nobody fills the store with keys. */
function named(type: string, id: string): string {
  const text = JSON.stringify(id)
  return `${type}::${text.length <= LONGEST ? text : digestOf(text)}`
}

const LONGEST = 300

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
