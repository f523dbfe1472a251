import { createHash } from 'node:crypto'
import { compile, type Engine, type PolicySource } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'

/** One file of policies, with the name under which errors speak of it. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** Policies and schema that are in force together. */
export interface PolicySet {
  readonly engine: Engine
  /** The same, except that a forbid that cannot be evaluated does not apply; for asking what could be allowed. */
  readonly lenient: Engine
  /** Content address: the first 16 hex digits of the SHA-256 of everything that decides. */
  readonly revision: string
}

/** Parses, validates and compiles. Throws `policies_invalid` with every problem that was found. */
export function compilePolicySet(schema: string, files: readonly PolicyFile[]): PolicySet {
  const hash = createHash('sha256').update(schema)
  for (const file of files) hash.update('\0').update(file.name).update('\0').update(file.text)
  const sources: PolicySource[] = files.map((file) => ({ name: file.name, text: file.text }))
  try {
    // A forbid that cannot be evaluated must not open the gate.
    const engine = compile({ policies: sources, schema, onError: 'deny' })
    const lenient = compile({ policies: sources, schema, onError: 'skip' })
    return { engine, lenient, revision: hash.digest('hex').slice(0, 16) }
  } catch (error) {
    throw new AccessError('policies_invalid', `the policies cannot be used: ${errorText(error)}`, { cause: error })
  }
}
