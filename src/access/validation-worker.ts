import { parentPort, workerData } from 'node:worker_threads'
import { type PolicyInfo, type Problem, problemsIn } from '../cedar/index.ts'

// Runs in a thread of its own (policy-validation.ts starts it): the official validator takes up to a millisecond a
// policy, and cannot rest in between.

/** What the worker is started with. */
export interface ValidationWork {
  readonly schema: string
}

/** One message; each is answered with the problems that were found. */
export interface ValidationChunk {
  readonly policies: readonly PolicyInfo[]
  readonly templates: readonly PolicyInfo[]
}

export type ValidationAnswer = readonly Problem[]

// What policy-validation.ts starts it with and sends it.
const { schema } = workerData as ValidationWork
parentPort?.on('message', ({ policies, templates }: ValidationChunk) => {
  const answer: ValidationAnswer = problemsIn(policies, templates, { text: schema })
  parentPort?.postMessage(answer)
})
