/**
 * Names that are to be others, all at once: what is called `a` before becomes `b` even where `b` becomes `a`. Types and
 * actions stand with their namespace: `Shop::Order`, `Shop::refund`.
 */
export interface Renames {
  readonly types: ReadonlyMap<string, string>
  /** Entity types that become several. */
  readonly typeSplits: ReadonlyMap<string, TypeSplit>
  readonly actions: ReadonlyMap<string, readonly ActionPart[]>
  /** By entity type or common type. */
  readonly attributes: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Attributes of the context, by action. */
  readonly facts: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly roles: ReadonlyMap<string, readonly RolePart[]>
}

interface EntityName {
  readonly type: string
  readonly id: string
}

export interface TypeSplit {
  readonly parts: readonly string[]
  /** The part that an entity goes to; undefined where nobody says. */
  partOf(id: string): string | undefined
}

/** What an action becomes: one part is a new name, more of them are a split. */
export interface ActionPart {
  readonly id: string
  /** The types of resources (as they are called before) that go to this part. */
  readonly on?: readonly string[]
  /** Ids of policies that speak of the action and are not to speak of this part. */
  readonly notIn?: readonly string[]
}

export interface RolePart {
  readonly id: string
  /** Of a split: the statements that go to this part. */
  readonly policies?: readonly string[]
}

/** The types that a type becomes: itself where the plan does not speak of it. */
export function typesAfter(type: string, { types, typeSplits }: Renames): readonly string[] {
  return typeSplits.get(type)?.parts ?? [types.get(type) ?? type]
}

/** The type of an entity from now on; undefined where its type is split, and nobody says where this one goes. */
export function typeAfter({ type, id }: EntityName, { types, typeSplits }: Renames): string | undefined {
  const split = typeSplits.get(type)
  return split === undefined ? (types.get(type) ?? type) : split.partOf(id)
}

/** Said of an entity for which there is no `typeAfter`. */
export function partUnknown({ type, id }: EntityName): string {
  return `\`${type}::${JSON.stringify(id)}\` is declared nowhere, and \`${type}\` is split: say with \`only\` where it goes`
}

/** `Shop::refund` is `Shop::Action::"refund"`. */
export function actionText(id: string): string {
  const at = id.lastIndexOf('::')
  const type = at < 0 ? 'Action' : `${id.slice(0, at)}::Action`
  return `${type}::${JSON.stringify(localName(id))}`
}

/** The name without its namespace. */
export function localName(name: string): string {
  return name.slice(name.lastIndexOf('::') + (name.includes('::') ? 2 : 1))
}
