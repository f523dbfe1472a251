import { createRequire } from 'node:module'
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'
import { CedarError } from './errors.ts'

export type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/** The JSON form of a schema, by namespace. */
export type SchemaJson = Readonly<
  Record<
    string,
    {
      readonly commonTypes?: Readonly<Record<string, SchemaTypeJson>>
      readonly entityTypes: Readonly<Record<string, SchemaEntityTypeJson>>
      readonly actions: Readonly<Record<string, SchemaActionJson>>
    }
  >
>
export type SchemaEntityTypeJson =
  | { readonly enum: readonly string[] }
  | { readonly memberOfTypes?: readonly string[]; readonly shape?: SchemaTypeJson; readonly tags?: SchemaTypeJson }
interface SchemaActionJson {
  readonly memberOf?: readonly { readonly type?: string; readonly id: string }[]
  readonly appliesTo?: {
    readonly principalTypes: readonly string[]
    readonly resourceTypes: readonly string[]
    readonly context?: SchemaTypeJson
  }
}
export interface SchemaTypeJson {
  /** `Set`, `Record`, `Entity`, `EntityOrCommon`, `Extension`, or the name of a built-in or common type. */
  readonly type: string
  readonly name?: string
  readonly element?: SchemaTypeJson
  readonly attributes?: Readonly<Record<string, SchemaTypeJson>>
  /** Of an attribute; true where nothing is said. */
  readonly required?: boolean
}

type OfficialCedar = Pick<
  typeof Cedar,
  | 'checkParsePolicySet'
  | 'formatPolicies'
  | 'policyToJson'
  | 'policyToText'
  | 'schemaToJsonWithResolvedTypes'
  | 'schemaToText'
  | 'templateToJson'
  | 'validate'
>

let guarded: OfficialCedar | undefined

/** The official implementation: it parses, validates and formats. Loaded at the first use. */
export function official(): OfficialCedar {
  guarded ??= {
    checkParsePolicySet: guard('checkParsePolicySet'),
    formatPolicies: guard('formatPolicies'),
    policyToJson: guard('policyToJson'),
    policyToText: guard('policyToText'),
    schemaToJsonWithResolvedTypes: guard('schemaToJsonWithResolvedTypes'),
    schemaToText: guard('schemaToText'),
    templateToJson: guard('templateToJson'),
    validate: guard('validate'),
  }
  return guarded
}

const require = createRequire(import.meta.url)
const NAME = '@cedar-policy/cedar-wasm/nodejs'
let instance: typeof Cedar | undefined

// Its stack is small. Text nested too deeply makes it trap, and after a trap that instance answers nothing any more:
// it is thrown away, and the next call gets a new one.
function guard<Name extends keyof OfficialCedar>(name: Name): OfficialCedar[Name] {
  const guardedCall = (...parameters: unknown[]): unknown => {
    // The module is what its type declarations say; `require` does not know them.
    instance ??= require(NAME) as typeof Cedar
    try {
      return Reflect.apply(instance[name], undefined, parameters)
    } catch (cause) {
      instance = undefined
      delete require.cache[require.resolve(NAME)]
      throw new CedarError('policies_invalid', 'nested too deeply or too large to be parsed', { cause })
    }
  }
  // It takes and gives what the function of that name does.
  return guardedCall as OfficialCedar[Name]
}
