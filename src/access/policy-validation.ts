import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  type Engine,
  type PolicyInfo,
  type Problem,
  problemsIn,
  problemText,
  type TemplateLink,
} from '../cedar/index.ts'
import { AccessError } from './errors.ts'
import type { ValidationChunk, ValidationWork } from './validation-worker.ts'

/** Validates policies against one schema, each text once. */
export interface PolicyValidation {
  /**
   * Validates what has not been validated before: a few at once, many in a thread of their own. Throws
   * `policies_invalid` with the problems that were found.
   */
  validate(engine: Engine): Promise<void>
  /** The same, at once. */
  validateNow(engine: Engine): void
  /** Validates policies that are to be made from this template. Throws `policies_invalid`. */
  validateLinks(template: PolicyInfo, links: readonly TemplateLink[]): void
  /** Forgets what is not in this one. */
  keepOnly(engine: Engine): void
}

/** Up to so many policies are validated on the spot, in some 10 ms; starting a thread for them takes longer. */
const FEW = 12
/** Policies in one message to the thread: sending more would be a pause of its own. */
const CHUNK = 200
/** Nobody reads more than this; the rest is not looked for. */
const ENOUGH_PROBLEMS = 20

export function policyValidation(schema: string): PolicyValidation {
  let own = new Set<string>()
  const shared = validatedFor(schema)
  const known = { has: (key: string) => own.has(key) || shared.has(key) }
  const unknownIn = (engine: Engine): Found => {
    const policies = new Map<string, PolicyInfo>()
    const templates = new Map<string, PolicyInfo>()
    for (const policy of engine.policies()) {
      if (policy.link === undefined && !known.has(policy.text)) policies.set(policy.text, policy)
    }
    for (const template of engine.templates()) if (!known.has(template.text)) templates.set(template.text, template)
    return { policies: [...policies.values()], templates: [...templates.values()] }
  }
  const remember = ({ policies, templates }: Found): void => {
    for (const key of [...policies, ...templates].map(keyOf)) (shared.size < MOST_SHARED ? shared : own).add(key)
  }
  const validateHere = (found: Found): void => {
    if (found.policies.length + found.templates.length === 0) return
    check(problemsIn(found.policies, found.templates, { text: schema }))
    remember(found)
  }
  return {
    async validate(engine) {
      const found = unknownIn(engine)
      if (found.policies.length + found.templates.length <= FEW) return validateHere(found)
      await inThread(schema, found)
      remember(found)
    },
    validateNow: (engine) => validateHere(unknownIn(engine)),
    validateLinks(template, links) {
      const found = new Map(
        links.map((link) => ({ ...template, id: link.newId, link })).map((one) => [keyOf(one), one]),
      )
      const policies = [...found].filter(([key]) => !known.has(key)).map(([, policy]) => policy)
      if (policies.length > 0) validateHere({ policies, templates: [template] })
    },
    keepOnly(engine) {
      const kept = new Set<string>()
      for (const { text } of engine.templates()) kept.add(text)
      for (const policy of engine.policies()) kept.add(keyOf(policy))
      own = kept
    },
  }
}

// What ships with the product is the same for every tenant, and validating it takes a second: it is done once.
const validated = new Map<string, Set<string>>()
const MOST_SCHEMAS = 16
const MOST_SHARED = 500

function validatedFor(schema: string): Set<string> {
  const found = validated.get(schema)
  if (found !== undefined) return found
  if (validated.size >= MOST_SCHEMAS) validated.clear()
  const fresh = new Set<string>()
  validated.set(schema, fresh)
  return fresh
}

interface Found {
  readonly policies: readonly PolicyInfo[]
  readonly templates: readonly PolicyInfo[]
}

/** INVARIANT: what the validator says of a policy depends on nothing but this (and the schema). */
function keyOf({ text, link }: PolicyInfo): string {
  if (link === undefined) return text
  // The text of a linked policy is its template's; of what is put into the slots, only the types matter.
  const types = Object.entries(link.values).map(([slot, { type }]) => `${slot}=${type}`)
  return `${text}\0${types.sort().join()}`
}

async function inThread(schema: string, { policies, templates }: Found): Promise<void> {
  const workerData: ValidationWork = { schema }
  const worker = new Worker(new URL('./validation-worker.ts', import.meta.url), { workerData })
  try {
    const problems: Problem[] = []
    const ask = async (chunk: ValidationChunk): Promise<void> => {
      worker.postMessage(chunk)
      // Rejects when the thread fails.
      const [answer] = (await once(worker, 'message')) as [readonly Problem[]] // what validation-worker.ts answers
      problems.push(...answer.filter(isError))
    }
    await ask({ policies: [], templates })
    for (let at = 0; at < policies.length && problems.length < ENOUGH_PROBLEMS; at += CHUNK) {
      await ask({ policies: policies.slice(at, at + CHUNK), templates: [] })
    }
    check(problems)
  } finally {
    await worker.terminate()
  }
}

function check(problems: readonly Problem[]): void {
  const errors = problems.filter(isError)
  const [first] = errors
  if (first === undefined) return
  const more = errors.length === 1 ? '' : `; and ${errors.length - 1} more`
  throw new AccessError('policies_invalid', `the policies cannot be used: ${problemText(first)}${more}`)
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}
