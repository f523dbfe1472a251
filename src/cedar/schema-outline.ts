import type { Span } from './locate.ts'
import { scan, type Token } from './policy-text.ts'

/** Where names stand in a text of the schema language, so that they can be changed without printing it anew. */
export interface SchemaOutline {
  readonly entities: readonly OutlinedEntity[]
  /** Common types. */
  readonly commonTypes: readonly OutlinedType[]
  readonly actions: readonly OutlinedAction[]
  /** Every place where a type is named, those included where it is declared. */
  readonly typeNames: readonly PlacedType[]
  /** Every place where an action is named, those included where it is declared. */
  readonly actionNames: readonly PlacedName[]
}

/** A name with its namespace, and where it is written (with or without that). */
export interface PlacedName extends Span {
  readonly name: string
}

/** `listed`: where several types can stand; `alone`: where a list of them can; `value`: the type of an attribute. */
interface PlacedType extends PlacedName {
  readonly place: TypePlace
}

type TypePlace = 'declared' | 'listed' | 'alone' | 'value'

interface Fielded {
  /** Of the record: names as they are, wherever they are quoted. */
  readonly fields: readonly PlacedName[]
}

export interface OutlinedEntity extends Fielded {
  /** Those that are declared together. */
  readonly names: readonly string[]
}

export interface OutlinedType extends Fielded {
  readonly name: string
}

/** `fields`: of a context that is written in place. */
export interface OutlinedAction extends Fielded {
  /** Those that are declared together, with their namespace. */
  readonly ids: readonly string[]
  readonly idPlaces: readonly PlacedName[]
  readonly namespace: string
  /** From its first annotation to its semicolon. */
  readonly declaration: Span
  /** What stands after `resource:`. */
  readonly resources: Span | undefined
  readonly resourceTypes: readonly string[]
  /** The common type that is its context. */
  readonly context: string | undefined
}

/** Reads structure only: the official parser has accepted the text before. */
export function outlineSchema(text: string): SchemaOutline {
  const reader = new SchemaReader(text)
  reader.read()
  return reader.outline()
}

interface PlacedToken extends Span {
  readonly token: Token | 'end'
  readonly text: string
}

/** A name as it is written, and the namespace in which it is. */
interface Mention extends Span {
  readonly path: string
  readonly namespace: string
  readonly place: TypePlace
}

interface ReadAction extends Omit<OutlinedAction, 'context' | 'resourceTypes'> {
  readonly resourceMentions: readonly Mention[]
  readonly contextMention: Mention | undefined
}

class SchemaReader {
  readonly #tokens: PlacedToken[] = []
  #at = 0
  #namespace = ''
  readonly #entities: OutlinedEntity[] = []
  readonly #commonTypes: OutlinedType[] = []
  readonly #actions: ReadAction[] = []
  readonly #types: Mention[] = []
  readonly #actionNames: PlacedName[] = []

  constructor(text: string) {
    scan(text, (token, start, end) => {
      if (token !== 'space') this.#tokens.push({ token, start, end, text: text.slice(start, end) })
    })
  }

  read(): void {
    while (this.#peek().token !== 'end') {
      const before = this.#at
      const { start } = this.#peek()
      while (this.#peek().text === '@') this.#annotation()
      if (this.#take('namespace')) {
        this.#namespace = this.#path()
        this.#take('{')
      } else if (this.#take('}')) this.#namespace = ''
      else if (this.#take('entity')) this.#entity()
      else if (this.#take('action')) this.#action(start)
      else if (this.#take('type')) this.#type()
      // Whatever this does not know is passed over.
      if (this.#at === before) this.#at++
    }
  }

  outline(): SchemaOutline {
    const declared = new Set([
      ...this.#entities.flatMap(({ names }) => names),
      ...this.#commonTypes.map(({ name }) => name),
    ])
    const resolved = ({ path, namespace, place, start, end }: Mention): PlacedType => {
      const own = qualified(namespace, path)
      return { name: !path.includes('::') && declared.has(own) ? own : path, place, start, end }
    }
    return {
      entities: this.#entities,
      commonTypes: this.#commonTypes,
      actions: this.#actions.map(({ resourceMentions, contextMention, ...action }) => ({
        ...action,
        resourceTypes: resourceMentions.map((mention) => resolved(mention).name),
        context: contextMention === undefined ? undefined : resolved(contextMention).name,
      })),
      typeNames: this.#types.map(resolved),
      actionNames: this.#actionNames,
    }
  }

  #entity(): void {
    const names = this.#list(() => this.#declared())
    if (this.#take('enum')) this.#skipTo(';')
    if (this.#take('in')) this.#typeList()
    this.#take('=')
    const fields = this.#peek().text === '{' ? this.#record() : []
    if (this.#take('tags')) this.#typeExpression()
    this.#take(';')
    this.#entities.push({ names, fields })
  }

  #type(): void {
    const name = this.#declared()
    this.#take('=')
    const fields = this.#peek().text === '{' ? this.#record() : []
    if (fields.length === 0) this.#typeExpression()
    this.#take(';')
    this.#commonTypes.push({ name, fields })
  }

  #declared(): string {
    const { text, start, end } = this.#next()
    this.#types.push({ path: text, namespace: this.#namespace, place: 'declared', start, end })
    return qualified(this.#namespace, text)
  }

  #action(start: number): void {
    const idPlaces = this.#list(() => this.#actionName())
    if (this.#take('in')) {
      if (this.#take('[')) {
        while (!this.#take(']') && this.#peek().token !== 'end') {
          this.#actionName()
          this.#take(',')
        }
      } else this.#actionName()
    }
    let resources: Span | undefined
    let resourceMentions: readonly Mention[] = []
    let contextMention: Mention | undefined
    let fields: readonly PlacedName[] = []
    if (this.#take('appliesTo')) {
      this.#take('{')
      while (!this.#take('}') && this.#peek().token !== 'end') {
        const part = this.#next().text
        this.#take(':')
        const from = this.#peek().start
        const first = this.#types.length
        if (part === 'context') {
          if (this.#peek().text === '{') fields = this.#record()
          else {
            this.#typeExpression()
            contextMention = this.#types[first]
          }
        } else this.#typeList()
        if (part === 'resource') {
          resources = { start: from, end: this.#previousEnd() }
          resourceMentions = this.#types.slice(first)
        }
        this.#take(',')
      }
    }
    this.#take(';')
    this.#actions.push({
      ids: idPlaces.map(({ name }) => name),
      idPlaces,
      namespace: this.#namespace,
      declaration: { start, end: this.#previousEnd() },
      resources,
      resourceMentions,
      contextMention,
      fields,
    })
  }

  /** `view`, `"order:read"`, `Action::"data"`, `Shop::Action::"view"`. */
  #actionName(): PlacedName {
    const path: string[] = []
    let last = this.#next()
    const { start } = last
    while (this.#take('::')) {
      path.push(last.text)
      last = this.#next()
    }
    const id = last.token === 'string' ? unquoted(last.text) : last.text
    const namespace = path.length === 0 ? this.#namespace : path.slice(0, -1).join('::')
    const place = { name: qualified(namespace, id), start: path.length === 0 ? start : last.start, end: last.end }
    this.#actionNames.push(place)
    return place
  }

  #record(): readonly PlacedName[] {
    const fields: PlacedName[] = []
    this.#take('{')
    while (!this.#take('}') && this.#peek().token !== 'end') {
      while (this.#peek().text === '@') this.#annotation()
      const { token, text, start, end } = this.#next()
      fields.push({ name: token === 'string' ? unquoted(text) : text, start, end })
      this.#take('?')
      this.#take(':')
      this.#typeExpression()
      this.#take(',')
    }
    return fields
  }

  #typeExpression(place: TypePlace = 'value'): void {
    if (this.#peek().text === '{') {
      this.#record()
      return
    }
    const { start } = this.#peek()
    const path = this.#path()
    if (this.#take('<')) {
      this.#typeExpression()
      this.#take('>')
    } else this.#types.push({ path, namespace: this.#namespace, place, start, end: this.#previousEnd() })
  }

  #typeList(): void {
    if (!this.#take('[')) {
      this.#typeExpression('alone')
      return
    }
    while (!this.#take(']') && this.#peek().token !== 'end') {
      this.#typeExpression('listed')
      this.#take(',')
    }
  }

  #list<T>(item: () => T): readonly T[] {
    const items = [item()]
    while (this.#take(',')) items.push(item())
    return items
  }

  #path(): string {
    const parts = [this.#next().text]
    while (this.#take('::')) parts.push(this.#next().text)
    return parts.join('::')
  }

  #annotation(): void {
    this.#next()
    this.#next()
    if (this.#take('(')) while (!this.#take(')') && this.#peek().token !== 'end') this.#next()
  }

  #skipTo(text: string): void {
    while (this.#peek().text !== text && this.#peek().token !== 'end') this.#next()
  }

  #peek(): PlacedToken {
    const last = this.#tokens.at(-1)?.end ?? 0
    return this.#tokens[this.#at] ?? { token: 'end', start: last, end: last, text: '' }
  }

  #next(): PlacedToken {
    const token = this.#peek()
    this.#at++
    return token
  }

  #take(text: string): boolean {
    if (this.#peek().text !== text) return false
    this.#at++
    return true
  }

  #previousEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0
  }
}

function qualified(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}::${name}`
}

/** Ids with escapes are kept as they are written: no rename is about them. */
function unquoted(text: string): string {
  return text.slice(1, -1)
}
