import { isDeepStrictEqual } from 'node:util'
import { type CedarError, errorOf, type Problem } from './errors.ts'
import { format } from './format.ts'
import { official, type PolicyJson } from './official.ts'
import { parsePolicies } from './parse-policies.ts'
import type { PolicySource } from './policy.ts'
import { splitPolicies } from './policy-text.ts'
import { positionsIn, type SourcePosition } from './source-position.ts'
import type { Uid } from './uid.ts'

/**
 * A policy with places for values, which is a policy of the language already: a place is the entity
 * `Parameter::"name"` in the head or in a condition, the action `Action::"Parameter::name"`, and `Parameter::name` as a
 * whole annotation or in the literal text of a pattern.
 */
export interface PolicyMould {
  /** Its `@id`, without which there is none. */
  readonly id: string
  readonly position: SourcePosition
  readonly places: readonly MouldPlace[]
  /**
   * The policy with values in these places, under another id. Values go into the syntax tree, so that whatever a text
   * says, it stays one text: the number and the shape of policies are those of the mould. Throws `policies_invalid`
   * where a value is missing or does not fit into its place.
   */
  fill(values: ReadonlyMap<string, MouldValue>, id: string): string
}

export interface MouldPlace {
  readonly name: string
  readonly kind: 'entity' | 'actions' | 'expression' | 'pattern' | 'annotation'
  readonly position: SourcePosition
}

export type MouldValue =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'entity'; readonly uid: Uid }
  | { readonly kind: 'set'; readonly elements: readonly MouldValue[] }
  | { readonly kind: 'actions'; readonly uids: readonly Uid[] }
  /** `15m`: a duration of the language, or the text of an annotation. */
  | { readonly kind: 'duration'; readonly text: string }
  | { readonly kind: 'datetime'; readonly text: string }
  /** What only annotations say, such as `60/minute`. */
  | { readonly kind: 'amount'; readonly text: string }

/** Annotations that a value can be the whole of; titles and ids are those of the mould. */
const ANNOTATIONS: ReadonlySet<string> = new Set(['limit', 'budget', 'reserve', 'approval'])

/** Throws `policies_invalid` with every problem that was found. More than `most` are not looked at. */
export function readMoulds(source: PolicySource, most = Number.POSITIVE_INFINITY): readonly PolicyMould[] {
  let count = 0
  for (const _ of splitPolicies(source.text)) {
    if (++count <= most) continue
    const position = positionsIn(source.text, source.name).at(0)
    throw errorOf('policies_invalid', [{ severity: 'error', message: `more than ${most} policies`, ...position }])
  }
  const { policies, templates } = parsePolicies([source])
  const problems: Problem[] = []
  const tell = (message: string, position: SourcePosition): void => {
    problems.push({ severity: 'error', message, ...position })
  }
  for (const { info } of templates) tell(`\`${info.id}\` has slots; what differs is a parameter`, info.position)
  const moulds = policies.map(({ text, annotations, position }): PolicyMould => {
    const { id } = annotations
    if (text.length > LONGEST) throw tooLong(id ?? '', position)
    if (id === undefined) tell('a statement of a pack needs an @id', position)
    if ([...splitPolicies(text)].some(({ largeIntegers }) => largeIntegers.length > 0)) {
      tell('integers in a pack are at most 9007199254740991', position)
    }
    const json = jsonOf(text)
    const at = (spelt: string): SourcePosition => placeIn(position, text, spelt)
    const { places, faults } = shallowly(position, () => placesIn(json, at))
    for (const { message, spelt } of faults) tell(message, at(spelt))
    return {
      id: id ?? '',
      position,
      places,
      fill: (values, newId) => shallowly(position, () => fill(json, values, newId, position)),
    }
  })
  if (problems.length > 0) throw errorOf('policies_invalid', problems)
  return moulds
}

/** The tree is walked with the stack, and a chain of conditions is as deep as it is long. */
const LONGEST = 8192

function shallowly<T>(position: SourcePosition, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw errorOf('policies_invalid', [{ severity: 'error', message: 'conditions in a chain too long', ...position }])
  }
}

function tooLong(id: string, position: SourcePosition): CedarError {
  const message = `\`${id}\` is longer than ${LONGEST} characters`
  return errorOf('policies_invalid', [{ severity: 'error', message, ...position }])
}

function jsonOf(text: string): PolicyJson {
  const answer = official().policyToJson(text)
  if (answer.type === 'failure') throw errorOf('policies_invalid', positionsIn(text).problemsOf(answer.errors))
  return answer.json
}

/** Where a name is spelt in the text of a policy, or where that begins. */
function placeIn(policy: SourcePosition, text: string, spelt: string): SourcePosition {
  const offset = text.indexOf(spelt)
  if (offset < 0) return policy
  const { line, column } = positionsIn(text).at(offset)
  return { ...policy, line: policy.line + line - 1, column: line === 1 ? policy.column + column - 1 : column }
}

const TYPE = 'Parameter'
const PREFIX = `${TYPE}::`
const NAME = /^[a-z][a-zA-Z0-9]{0,63}$/
const IN_PATTERN = /Parameter::([a-z][a-zA-Z0-9]{0,63})(?![a-zA-Z0-9])/g

/** The name in `Parameter::name`, undefined for what is spelt otherwise. */
function nameIn(text: string): string | undefined {
  const name = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : ''
  return NAME.test(name) ? name : undefined
}

// The official package gives the tree as nested objects; what stands where is what its declarations say.
type Node = Readonly<Record<string, unknown>>

interface Fault {
  readonly message: string
  readonly spelt: string
}

/** What a walk over the tree does at each place; gives what stands there afterwards. */
type AtPlace = (kind: MouldPlace['kind'], name: string) => unknown

function placesIn(json: PolicyJson, at: (spelt: string) => SourcePosition) {
  const places: MouldPlace[] = []
  const faults: Fault[] = []
  const visit: AtPlace = (kind, name) => {
    const spelt = kind === 'entity' || kind === 'expression' ? `${TYPE}::"${name}"` : PREFIX + name
    places.push({ name, kind, position: at(spelt) })
    return undefined
  }
  rewrite(json, visit, (message, spelt) => void faults.push({ message, spelt }))
  return { places, faults }
}

function fill(json: PolicyJson, values: ReadonlyMap<string, MouldValue>, id: string, position: SourcePosition): string {
  const fault = (message: string): CedarError =>
    errorOf('policies_invalid', [{ severity: 'error', message, ...position }])
  const filled = rewrite(
    json,
    (kind, name) => {
      const value = values.get(name)
      if (value === undefined) throw fault(`the parameter \`${name}\` has no value`)
      const standing = standingFor(value, kind)
      if (standing === undefined) throw fault(`\`${name}\`: ${NAMES[value.kind]} cannot stand ${WHERE[kind]}`)
      return standing
    },
    (message) => {
      throw fault(message)
    },
  )
  const named = { ...filled, annotations: { ...filled.annotations, id } }
  const answer = official().policyToText(named)
  if (answer.type === 'failure') throw errorOf('policies_invalid', positionsIn('').problemsOf(answer.errors))
  const text = format(answer.text)
  // INVARIANT: what is put in force reads as the tree that it was made from, whatever the values say.
  if (!isDeepStrictEqual(jsonOf(text), named)) throw fault('a value would change the policy that it is put into')
  return text
}

const NAMES: Readonly<Record<MouldValue['kind'], string>> = {
  text: 'a text',
  integer: 'an integer',
  boolean: 'a boolean',
  entity: 'an entity',
  set: 'a set',
  actions: 'a list of actions',
  duration: 'a duration',
  datetime: 'a moment',
  amount: 'an amount',
}

const WHERE: Readonly<Record<MouldPlace['kind'], string>> = {
  entity: 'for the principal or the resource in the head of a policy',
  actions: 'for the action in the head of a policy',
  expression: 'in a condition',
  pattern: 'in a pattern',
  annotation: 'in an annotation',
}

/** What the tree has in the place of a value, or undefined where the value does not belong there. */
function standingFor(value: MouldValue, kind: MouldPlace['kind']): unknown {
  switch (kind) {
    case 'entity':
      return value.kind === 'entity' ? value.uid : undefined
    case 'actions':
      return value.kind === 'actions' ? value.uids : undefined
    case 'pattern':
      return value.kind === 'text' ? value.text : undefined
    case 'annotation':
      return value.kind === 'amount' || value.kind === 'duration' ? value.text : undefined
    case 'expression':
      return expressionOf(value)
  }
}

function expressionOf(value: MouldValue): Node | undefined {
  switch (value.kind) {
    case 'text':
      return { Value: value.text }
    case 'integer':
      return { Value: value.value }
    case 'boolean':
      return { Value: value.value }
    case 'entity':
      return { Value: { __entity: value.uid } }
    case 'duration':
    case 'datetime':
      return { [value.kind]: [{ Value: value.text }] }
    case 'set': {
      const elements = value.elements.map(expressionOf)
      return elements.includes(undefined) ? undefined : { Set: elements }
    }
    case 'actions':
    case 'amount':
      return undefined
  }
}

type TellFault = (message: string, spelt: string) => void

/** The tree with what `visit` gives in each place; where it gives nothing, the place stays. */
function rewrite(json: PolicyJson, visit: AtPlace, tell: TellFault): PolicyJson {
  const annotations = Object.entries(json.annotations ?? {}).map(([name, text]) => {
    const parameter = nameIn(text ?? '')
    if (parameter !== undefined && ANNOTATIONS.has(name)) return [name, visit('annotation', parameter) ?? text]
    if (text?.includes(PREFIX) === true) tell(`@${name} cannot hold a parameter`, text)
    return [name, text]
  })
  return {
    ...json,
    principal: rewriteEntity(json.principal, visit),
    action: rewriteAction(json.action, visit, tell),
    resource: rewriteEntity(json.resource, visit),
    conditions: json.conditions.map(({ kind, body }) => ({ kind, body: rewriteNode(body, visit, tell) })),
    annotations: Object.fromEntries(annotations),
    // Parts are put in the place of parts of the same kind: the form stays the same.
  } as PolicyJson
}

/** Of the principal or the resource in the head. */
function rewriteEntity(json: PolicyJson['principal'], visit: AtPlace): unknown {
  if (json.op === 'is') return json.in === undefined ? json : { ...json, in: rewriteTarget(json.in, visit) }
  return 'entity' in json ? rewriteTarget(json, visit) : json
}

function rewriteTarget(target: object, visit: AtPlace): object {
  const entity = 'entity' in target ? uidIn(target.entity) : undefined
  if (entity?.type !== TYPE) return target
  return { ...target, entity: visit('entity', entity.id) ?? entity }
}

function rewriteAction(json: PolicyJson['action'], visit: AtPlace, tell: TellFault): unknown {
  if (json.op === 'All') return json
  const entities = 'entities' in json ? json.entities : 'entity' in json ? [json.entity] : []
  const uids = entities.map(uidIn)
  const names = uids.map((uid) => (uid === undefined ? undefined : nameIn(uid.id)))
  if (names.every((name) => name === undefined)) return json
  if (json.op === '==') tell('a list of actions stands after `in`, not after `==`', PREFIX)
  const all = uids.flatMap((uid, index) => {
    const name = names[index]
    return name === undefined ? [uid] : (visit('actions', name) ?? [uid])
  })
  // As the parser gives it.
  return all.length === 1 ? { op: 'in', entity: all[0] } : { op: 'in', entities: all }
}

function uidIn(json: unknown): Uid | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const { type, id } = ('__entity' in json ? json.__entity : json) as Partial<Uid> // an entity, as the package gives it
  return type === undefined || id === undefined ? undefined : { type, id }
}

function rewriteNode(json: unknown, visit: AtPlace, tell: TellFault): unknown {
  if (Array.isArray(json)) return json.map((item) => rewriteNode(item, visit, tell))
  if (typeof json !== 'object' || json === null) return json
  const node = json as Node // not null, no list
  if (Object.hasOwn(node, 'Value')) return rewriteValue(node, visit, tell)
  if (Object.hasOwn(node, 'like')) {
    const { left, pattern } = node.like as { readonly left: unknown; readonly pattern: readonly PatternPart[] }
    return { like: { left: rewriteNode(left, visit, tell), pattern: rewritePattern(pattern, visit, tell) } }
  }
  if (Object.hasOwn(node, 'is') && (node.is as Node).entity_type === TYPE) tell('a parameter is no type', TYPE)
  return Object.fromEntries(Object.entries(node).map(([name, part]) => [name, rewriteNode(part, visit, tell)]))
}

function rewriteValue(node: Node, visit: AtPlace, tell: TellFault): unknown {
  const uid = uidIn(node.Value)
  if (uid?.type === TYPE) {
    if (!NAME.test(uid.id)) tell(`\`${uid.id}\` is no name of a parameter`, uid.id)
    return visit('expression', uid.id) ?? node
  }
  const text = uid?.id ?? node.Value
  if (typeof text === 'string' && text.includes(PREFIX)) {
    tell(`a parameter in a condition is written \`${TYPE}::"name"\`, without anything around it`, PREFIX)
  }
  return node
}

type PatternPart = 'Wildcard' | { readonly Literal: string }

/** Literal text comes one character a part, and so it has to be given back. */
function rewritePattern(pattern: readonly PatternPart[], visit: AtPlace, tell: TellFault): readonly PatternPart[] {
  const runs: string[] = ['']
  for (const part of pattern) {
    if (part === 'Wildcard') runs.push('')
    else runs.push(`${runs.pop() ?? ''}${part.Literal}`)
  }
  return runs.flatMap((run, index): PatternPart[] => {
    const filled = run.replaceAll(IN_PATTERN, (spelt, name: string) => String(visit('pattern', name) ?? spelt))
    if (run.replaceAll(IN_PATTERN, '').includes(PREFIX)) {
      tell('a parameter in a pattern is written `Parameter::name`, as in `"Parameter::folder/*"`', PREFIX)
    }
    const literals = [...filled].map((Literal) => ({ Literal }))
    return index === 0 ? literals : ['Wildcard', ...literals]
  })
}
