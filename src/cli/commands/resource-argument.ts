import { InvalidArgumentError } from 'commander'

export interface Resource {
  readonly type: string
  readonly id: string
}

/** `Type::id`; quotes around the id may be left out. */
export function parseResource(text: string): Resource {
  const at = text.indexOf('::')
  if (at <= 0) throw new InvalidArgumentError('must be a type and an id, as in `Model::demo-chat`')
  return { type: text.slice(0, at), id: text.slice(at + 2).replace(/^"(.*)"$/, '$1') }
}
