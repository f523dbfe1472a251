import type { TemplateLink, Uid } from '../../src/cedar/index.ts'
import type { Random } from './cedar-random.ts'
import {
  ACTIONS,
  type Attributes,
  ENUM,
  makeExtension,
  makeType,
  quote,
  TEXTS,
  type Type,
  type World,
} from './cedar-world.ts'

export interface MadePolicies {
  readonly policies: readonly MadePolicy[]
  readonly templates: readonly MadePolicy[]
  readonly links: readonly TemplateLink[]
}

/** Id, text, and how long the part of the text before the conditions is. */
export type MadePolicy = readonly [id: string, text: string, scopeEnd: number]

/** Policies about a world: mostly well typed, sometimes not. */
export function makePolicies(random: Random, world: World, count: number, depth = 3): MadePolicies {
  const maker = new PolicyMaker(random, world)
  const policies: MadePolicy[] = []
  const templates: MadePolicy[] = []
  const links: TemplateLink[] = []
  for (let i = 0; i < count; i++) {
    if (!random.chance(0.1)) {
      policies.push(maker.policy(`p${i}`, depth))
      continue
    }
    const { template, slots } = maker.template(`t${i}`, depth)
    templates.push(template)
    for (let link = random.below(3); link > 0; link--) {
      const values = Object.fromEntries(slots.map((slot) => [slot, random.pick(world.uids)]))
      links.push({ templateId: `t${i}`, newId: `l${i}-${link}`, values })
    }
  }
  return { policies, templates, links }
}

class PolicyMaker {
  readonly #random: Random
  readonly #world: World

  constructor(random: Random, world: World) {
    this.#random = random
    this.#world = world
  }

  policy(id: string, depth: number): MadePolicy {
    const scope = `@id(${quote(id)}) ${this.#effect()}(${this.#scope('principal')}, ${this.#actionScope()}, ${this.#scope('resource')})`
    return [id, `${scope}${this.#conditions(depth)};`, scope.length]
  }

  template(id: string, depth: number): { template: MadePolicy; slots: string[] } {
    const slotFor = (name: 'principal' | 'resource'): string =>
      this.#random.pick([`${name} == ?${name}`, `${name} in ?${name}`, `${name} is ${this.#type()} in ?${name}`])
    const withPrincipal = this.#random.chance(0.7)
    const withResource = !withPrincipal || this.#random.chance(0.4)
    const principal = withPrincipal ? slotFor('principal') : this.#scope('principal')
    const resource = withResource ? slotFor('resource') : this.#scope('resource')
    const scope = `@id(${quote(id)}) ${this.#effect()}(${principal}, ${this.#actionScope()}, ${resource})`
    return {
      template: [id, `${scope}${this.#conditions(depth)};`, scope.length],
      slots: [...(withPrincipal ? ['?principal'] : []), ...(withResource ? ['?resource'] : [])],
    }
  }

  #effect(): string {
    return this.#random.chance(0.7) ? 'permit' : 'forbid'
  }

  #scope(name: 'principal' | 'resource'): string {
    const uid = (): string => this.#uid()
    switch (this.#random.below(10)) {
      case 0:
        return `${name} == ${uid()}`
      case 1:
        return `${name} in ${uid()}`
      case 2:
        return `${name} is ${this.#type()}`
      case 3:
        return `${name} is ${this.#type()} in ${uid()}`
      default:
        return name
    }
  }

  #actionScope(): string {
    const action = (): string => `Action::${quote(this.#random.pick(ACTIONS))}`
    switch (this.#random.below(7)) {
      case 0:
        return `action == ${action()}`
      case 1:
        return `action in ${action()}`
      case 2:
        return `action in [${this.#random.list(0, 3, action).join(', ')}]`
      default:
        return 'action'
    }
  }

  #conditions(depth: number): string {
    return this.#random
      .list(0, 2, () => {
        const kind = this.#random.chance(0.75) ? 'when' : 'unless'
        // Conditions like those that the index looks for.
        const first = this.#random.chance(0.3) ? `${this.#equality()} && ` : ''
        return ` ${kind} { ${first}${this.#expression({ kind: 'Bool' }, depth)} }`
      })
      .join('')
  }

  #equality(): string {
    const { base, attributes } = this.#root()
    const known = attributes.filter(({ type }) => !['Set', 'Record'].includes(type.kind))
    if (known.length === 0) return 'true'
    const { name, type } = this.#random.pick(known)
    const guard = this.#random.chance(0.5) ? `${base} has ${quote(name)} && ` : ''
    const [left, right] = [`${base}[${quote(name)}]`, this.#literal(type)]
    if (this.#random.chance(0.2)) return `${guard}[${right}, ${this.#literal(type)}].contains(${left})`
    return `${guard}${this.#random.chance(0.8) ? `${left} == ${right}` : `${right} == ${left}`}`
  }

  #root(): { base: string; attributes: Attributes } {
    const base = this.#random.pick(['principal', 'resource', 'context'])
    if (base === 'context') return { base, attributes: this.#world.context }
    return { base, attributes: this.#random.pick(this.#world.types).attributes }
  }

  #type(): string {
    return this.#random.pick(this.#world.types).name
  }

  #uid(): string {
    const { type, id } = this.#random.pick(this.#world.uids)
    return `${type}::${quote(id)}`
  }

  #expression(wanted: Type, depth: number): string {
    const type = this.#random.chance(0.04) ? makeType(this.#random, 1) : wanted
    const below = (inner: Type): string => this.#expression(inner, depth - 1)
    if (depth <= 0 || this.#random.chance(0.1)) return this.#leaf(type)
    if (this.#random.chance(0.25)) return this.#path(type) ?? this.#leaf(type)
    if (this.#random.chance(0.06)) {
      return `(if ${below({ kind: 'Bool' })} then ${below(type)} else ${below(type)})`
    }
    switch (type.kind) {
      case 'Bool':
        return this.#boolean(below)
      case 'Long':
        return this.#long(below)
      case 'Set':
        return `[${this.#random.list(0, 3, () => below(type.element)).join(', ')}]`
      case 'Record': {
        const fields = type.fields.filter(({ isRequired }) => isRequired || this.#random.chance(0.5))
        return `{${fields.map((field) => `${quote(field.name)}: ${below(field.type)}`).join(', ')}}`
      }
      case 'datetime':
        return this.#random.pick([
          `${below(type)}.offset(${below({ kind: 'duration' })})`,
          `${below(type)}.toDate()`,
          this.#leaf(type),
        ])
      case 'duration':
        return this.#random.pick([
          `${below({ kind: 'datetime' })}.durationSince(${below({ kind: 'datetime' })})`,
          `${below({ kind: 'datetime' })}.toTime()`,
          this.#leaf(type),
        ])
      default:
        return this.#leaf(type)
    }
  }

  #long(below: (type: Type) => string): string {
    const long = { kind: 'Long' } as const
    switch (this.#random.below(5)) {
      case 0:
        return `(${below(long)} ${this.#random.pick(['+', '-', '*'])} ${below(long)})`
      case 1:
        return `(-${below(long)})`
      case 2:
        return `${below({ kind: 'duration' })}.${this.#random.pick(['toDays', 'toHours', 'toMinutes', 'toSeconds', 'toMilliseconds'])}()`
      default:
        return this.#leaf(long)
    }
  }

  #boolean(below: (type: Type) => string): string {
    const random = this.#random
    const bool = { kind: 'Bool' } as const
    const any = makeType(random, 1)
    const entity = { kind: 'Entity', type: this.#type() } as const
    switch (random.below(14)) {
      case 0:
      case 1:
        return `(${below(bool)} && ${below(bool)})`
      case 2:
        return `(${below(bool)} || ${below(bool)})`
      case 3:
        return `!(${below(bool)})`
      case 4:
        return `(${below(any)} ${random.pick(['==', '!='])} ${below(any)})`
      case 5: {
        const ordered = { kind: random.pick(['Long', 'Long', 'datetime', 'duration'] as const) }
        return `(${below(ordered)} ${random.pick(['<', '<=', '>', '>='])} ${below(ordered)})`
      }
      case 6:
        return `(${below(entity)} in ${below(random.chance(0.6) ? entity : { kind: 'Set', element: entity })})`
      case 7: {
        const { base, attributes } = this.#root()
        const names = attributes.map(({ name }) => name)
        return names.length === 0 ? `${base} has a` : `(${base} has ${quote(random.pick(names))})`
      }
      case 8:
        return `(${below({ kind: 'String' })} like ${random.pick(['"a*"', '"*a*b"', '"\\**"', '"*"', '"aab"', '"**é*"', '""'])})`
      case 9: {
        const set = { kind: 'Set', element: any } as const
        return random.pick([
          `${below(set)}.contains(${below(any)})`,
          `${below(set)}.containsAll(${below(set)})`,
          `${below(set)}.containsAny(${below(set)})`,
          `${below(set)}.isEmpty()`,
        ])
      }
      case 10: {
        const decimal = { kind: 'decimal' } as const
        const name = random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])
        return `${below(decimal)}.${name}(${below(decimal)})`
      }
      case 11: {
        const address = { kind: 'ipaddr' } as const
        if (random.chance(0.4)) return `${below(address)}.isInRange(${below(address)})`
        return `${below(address)}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`
      }
      case 12: {
        const tag = random.chance(0.8) ? quote(random.pick(TEXTS)) : below({ kind: 'String' })
        const of = random.pick(['principal', 'resource', below(entity)])
        return random.chance(0.6)
          ? `${of}.hasTag(${tag})`
          : `(${of}.hasTag(${tag}) && ${of}.getTag(${tag}) == ${below(any)})`
      }
      default:
        return `(${below(entity)} is ${this.#type()}${random.chance(0.4) ? ` in ${below(entity)}` : ''})`
    }
  }

  /** A way from a variable to a value of this type. */
  #path(type: Type): string | undefined {
    const { base, attributes } = this.#root()
    const fitting = attributes.filter((attribute) => JSON.stringify(attribute.type) === JSON.stringify(type))
    if (type.kind === 'Entity' && this.#random.chance(0.3))
      return this.#random.pick(['principal', 'resource', 'action'])
    if (fitting.length > 0) return `${base}[${quote(this.#random.pick(fitting).name)}]`
    const records = attributes.filter((attribute) => attribute.type.kind === 'Record')
    if (records.length === 0) return undefined
    const record = this.#random.pick(records)
    const fields = record.type.kind === 'Record' ? record.type.fields : []
    if (fields.length === 0) return undefined
    return `${base}[${quote(record.name)}][${quote(this.#random.pick(fields).name)}]`
  }

  #leaf(type: Type): string {
    if (type.kind === 'Entity' && this.#random.chance(0.4))
      return this.#random.pick(['principal', 'resource', 'action'])
    return this.#random.chance(0.4) ? (this.#path(type) ?? this.#literal(type)) : this.#literal(type)
  }

  #literal(type: Type): string {
    const random = this.#random
    switch (type.kind) {
      case 'Bool':
        return random.pick(['true', 'false'])
      case 'Long':
        return random.pick([
          '0',
          '1',
          '-1',
          '7',
          '9007199254740991',
          '9007199254740993',
          '9223372036854775807',
          '(-9223372036854775808)',
        ])
      case 'String':
        return quote(random.pick(TEXTS))
      case 'Entity': {
        if (type.type === ENUM.name) return `${ENUM.name}::${quote(random.pick(ENUM.ids))}`
        const same: readonly Uid[] = this.#world.uids.filter((uid) => uid.type === type.type)
        const { type: name, id } = random.pick(same.length === 0 ? this.#world.uids : same)
        return `${name}::${quote(id)}`
      }
      case 'Set':
        return `[${random.list(0, 3, () => this.#literal(type.element)).join(', ')}]`
      case 'Record':
        return `{${type.fields.map((field) => `${quote(field.name)}: ${this.#literal(field.type)}`).join(', ')}}`
      default: {
        const { fn, arg } = makeExtension(random, type.kind)
        // Now and then a text that the constructor refuses.
        return `${fn}(${quote(random.chance(0.05) ? `${arg}x` : arg)})`
      }
    }
  }
}
