import { CedarError } from './errors.ts'

/** The name of an entity: `{ type: 'User', id: 'alice' }` is `User::"alice"`. */
export interface Uid {
  readonly type: string
  readonly id: string
}

const TYPE = /^[_a-zA-Z][_a-zA-Z0-9]*(?:::[_a-zA-Z][_a-zA-Z0-9]*)*$/

/** Throws `entities_invalid` for what is no name of an entity type. */
export function checkEntityType(type: string): void {
  if (!TYPE.test(type)) throw new CedarError('entities_invalid', `\`${type}\` is no entity type`)
}
