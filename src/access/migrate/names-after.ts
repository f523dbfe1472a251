import { type EntityJson, type Renames, typeAfter } from '../../cedar/index.ts'
import type { EntityRef } from '../question.ts'
import type { RoleGrant, Roles } from '../roles.ts'
import { uidOf } from '../trial/trial-context.ts'

/** What names that stood for something before stand for afterwards. */
export interface NamesAfter {
  type(ref: EntityRef): string
  ref<Ref extends EntityRef>(ref: Ref): Ref
  /** All that an action becomes. */
  actions(id: string): readonly string[]
  /** Of a record of attributes. */
  attributes<Value>(type: string, fields: Readonly<Record<string, Value>>): Readonly<Record<string, Value>>
  facts<Value>(action: string, fields: Readonly<Record<string, Value>>): Readonly<Record<string, Value>>
  entity(entity: EntityJson): EntityJson
  roles(roles: Roles): Roles
  /** Of a policy: those of roles tell of what they are on. */
  policyIds(id: string): readonly string[]
}

export function namesAfter(renames: Renames): NamesAfter {
  // What nobody has declared meets no condition: it goes to the last part, which takes the rest.
  const type = (ref: EntityRef): string =>
    typeAfter(ref, renames) ?? renames.typeSplits.get(ref.type)?.parts.at(-1) ?? ref.type
  const role = (id: string): readonly string[] => renames.roles.get(id)?.map((part) => part.id) ?? [id]
  const refs = (ref: EntityRef): readonly EntityRef[] =>
    ref.type === 'Role' ? role(ref.id).map((id) => ({ type: 'Role', id })) : [{ type: type(ref), id: ref.id }]
  const renamed = <Value>(
    fields: Readonly<Record<string, Value>>,
    names: ReadonlyMap<string, string> | undefined,
  ): Readonly<Record<string, Value>> =>
    names === undefined
      ? fields
      : Object.fromEntries(Object.entries(fields).map(([name, value]) => [names.get(name) ?? name, value]))
  const deep = <Value>(value: Value): Value => withTypes(value, type)
  const attributes: NamesAfter['attributes'] = (of, fields) => renamed(deep(fields), renames.attributes.get(of))

  return {
    type,
    ref: (ref) => ({ ...ref, type: type(ref) }),
    actions: (id) => renames.actions.get(id)?.map((part) => part.id) ?? [id],
    attributes,
    facts: (action, fields) => renamed(deep(fields), renames.facts.get(action)),
    entity({ attrs, parents, ...entity }) {
      const uid = uidOf({ ...entity })
      return {
        ...deep(entity),
        uid: refs(uid)[0] ?? uid,
        ...(attrs === undefined ? {} : { attrs: attributes(uid.type, attrs) }),
        ...(parents === undefined ? {} : { parents: parents.flatMap((parent) => refs(plain(parent))) }),
      }
    },
    roles: ({ grants, declared }) => ({
      grants: grants.flatMap((grant) =>
        role(grant.role).map(
          (name): RoleGrant => ({
            ...grant,
            role: name,
            on: grant.on === undefined ? undefined : refs(grant.on)[0],
          }),
        ),
      ),
      declared: new Set([...declared].flatMap(role)),
    }),
    policyIds(id) {
      const match = /^(.*) of ([\w:]+)::(.*) on ([\w:]+)::(.*)$/s.exec(id)
      if (match === null) return [id]
      const [, template = '', ofType = '', ofId = '', onType = '', onId = ''] = match
      const parts = ofType === 'Role' ? (renames.roles.get(ofId) ?? []) : []
      const own = parts.length < 2 ? parts : parts.filter(({ policies }) => policies?.includes(template) === true)
      const who = own.length > 0 ? own.map((part) => ({ type: 'Role', id: part.id })) : refs({ type: ofType, id: ofId })
      return who.map(
        ({ type: whose, id: whoseId }) =>
          `${template} of ${whose}::${whoseId} on ${type({ type: onType, id: onId })}::${onId}`,
      )
    },
  }
}

function plain(uid: EntityJson['uid']): EntityRef {
  return '__entity' in uid ? uid.__entity : uid
}

/** References may stand at any depth of an attribute. */
function withTypes<Value>(value: Value, type: (ref: EntityRef) => string): Value {
  if (Array.isArray(value)) return value.map((item) => withTypes(item, type)) as Value // as many, each of its kind
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value)
  const isRef =
    fields.length === 2 &&
    'type' in value &&
    'id' in value &&
    typeof value.type === 'string' &&
    typeof value.id === 'string'
  if (isRef) return { ...value, type: type({ type: String(value.type), id: String(value.id) }) }
  // The same fields with values of the same kind.
  return Object.fromEntries(fields.map(([name, field]) => [name, withTypes(field, type)])) as Value
}
