/**
 * Names that are to be others, all at once: what is called `a` before becomes `b` even where `b` becomes `a`. Types and
 * actions stand with their namespace: `Shop::Order`, `Shop::refund`.
 */
export interface Renames {
  readonly types: ReadonlyMap<string, string>
  readonly actions: ReadonlyMap<string, readonly ActionPart[]>
  /** By entity type or common type. */
  readonly attributes: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Attributes of the context, by action. */
  readonly facts: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly roles: ReadonlyMap<string, readonly RolePart[]>
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
