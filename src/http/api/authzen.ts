import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { AccessError, type Decision, mayGoOn, type Question, type Reserved } from '../../access/index.ts'
import type { DecidedQuestion } from '../../audit/index.ts'
import { type Asked, decidedQuestion } from '../ask.ts'
import { HttpError } from '../errors.ts'
import { asking, type Call, type Route } from '../route.ts'
import { wayToAccess } from './authzen-access-requests.ts'
import { type Answer, answerForNobody, answerOf, answerToProblem } from './authzen-answer.ts'
import { type Put, questionReader } from './authzen-question.ts'
import {
  type Evaluation,
  type Item,
  MAX_EVALUATIONS,
  readEvaluation,
  readEvaluations,
  type Semantic,
} from './authzen-request.ts'

// What these schemas say, authzen-request.ts reads.
const name = z.string().min(1).max(1024)
const properties = z.record(z.string(), z.json())
export const authzenEntity = z.object({ type: name, id: name, properties: properties.optional() })
export const authzenAction = z.object({ name, properties: properties.optional() })
const evaluation = z.object({
  subject: authzenEntity,
  action: authzenAction,
  resource: authzenEntity,
  context: properties.optional(),
})
const decision = z.object({ decision: z.boolean(), context: properties.optional() })

/** A question is small; a thousand of them still are. */
export const MAX_AUTHZEN_BODY = 1_048_576

/** The decision API of AuthZEN 1.0, for enforcement points other than our gateway. */
export const authzenRoutes: readonly Route[] = [
  asking({
    method: 'POST',
    path: '/t/:tenant/access/v1/evaluation',
    summary: 'Decide whether a subject may do an action on a resource (AuthZEN 1.0)',
    action: 'decision:ask',
    body: evaluation,
    maxBody: MAX_AUTHZEN_BODY,
    read: readEvaluation,
    answer: decision,
    ask: (call) => answerSingle(call.body, call),
  }),
  asking({
    method: 'POST',
    path: '/t/:tenant/access/v1/evaluations',
    summary: 'Decide several questions at once (AuthZEN 1.0)',
    action: 'decision:ask',
    body: evaluation.partial().extend({
      evaluations: z.array(evaluation.partial()).max(MAX_EVALUATIONS).optional(),
      options: z
        .object({
          evaluations_semantic: z.enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit']).optional(),
        })
        .optional(),
    }),
    maxBody: MAX_AUTHZEN_BODY,
    read: readEvaluations,
    answer: z.union([z.object({ evaluations: z.array(decision) }), decision]),
    async ask(call) {
      const { body } = call
      if (body.kind === 'single') return answerSingle(body.evaluation, call)
      const asker = new Asker(call)
      return asker.asked(async () => {
        const evaluations: Answer[] = []
        let since = performance.now()
        for (const item of body.items) {
          const answer = await asker.answerItem(item)
          evaluations.push(answer)
          if (isDecisive(answer, body.semantic)) break
          if (performance.now() - since < TURN) continue
          await setImmediate()
          since = performance.now()
        }
        return { evaluations }
      })
    },
  }),
]

/** Milliseconds of deciding before others get their turn. */
const TURN = 4

/** "Evaluations semantics": like `&&` and `||`, which end with the first answer that settles it. */
function isDecisive({ decision }: Answer, semantic: Semantic): boolean {
  return semantic !== 'execute_all' && decision === (semantic === 'permit_on_first_permit')
}

function answerSingle(asked: Evaluation, call: Pick<Call, 'tenant' | 'ctx'>): Promise<Asked> {
  const asker = new Asker(call)
  return asker.asked(() => asker.answerWithRemedy(asked))
}

interface Answered {
  readonly answer: Answer
  readonly ctx: Put['ctx']
  readonly question: Question
  readonly decision: Decision | undefined
}

/** Decides the questions of one request, and keeps what its record says of them. */
class Asker {
  readonly #call: Pick<Call, 'tenant' | 'ctx'>
  readonly #read: (evaluation: Evaluation) => Put
  readonly #questions: DecidedQuestion[] = []
  readonly #reserved: Reserved[] = []
  readonly #persons = new Set<string>()

  constructor(call: Pick<Call, 'tenant' | 'ctx'>) {
    this.#call = call
    this.#read = questionReader(call)
  }

  /** Where answering fails, nothing stays taken. */
  async asked(answering: () => Promise<unknown>): Promise<Asked> {
    try {
      const answer = await answering()
      return { answer, questions: this.#questions, persons: [...this.#persons], reserved: this.#reserved }
    } catch (error) {
      for (const one of this.#reserved) one.release()
      throw error
    }
  }

  async answerItem(item: Item): Promise<Answer> {
    if ('problem' in item) return answerToProblem(item.problem)
    try {
      return await this.answer(item)
    } catch (error) {
      if (error instanceof HttpError || (error instanceof AccessError && error.code === 'question_invalid')) {
        return answerToProblem(error.publicMessage)
      }
      throw error
    }
  }

  /** With the way to ask for access, which is signed: too dear for each of many questions. Throws as `answer`. */
  async answerWithRemedy(evaluation: Evaluation): Promise<Answer> {
    const { answer, ctx, question, decision } = await this.#answer(evaluation)
    if (ctx === undefined || decision === undefined) return answer
    const more = await wayToAccess(this.#call, evaluation, { ctx, question, decision })
    return more === undefined ? answer : { ...answer, context: { ...answer.context, ...more } }
  }

  /** Throws `body_invalid`, `question_invalid`. */
  async answer(evaluation: Evaluation): Promise<Answer> {
    return (await this.#answer(evaluation)).answer
  }

  async #answer(evaluation: Evaluation): Promise<Answered> {
    const { access } = this.#call.tenant
    const { ctx, question, asked, persons } = this.#read(evaluation)
    for (const person of persons) this.#persons.add(person)
    if (ctx === undefined) {
      const { chain, action, resource } = asked
      const nobody = { action, resource, decision: 'deny', reasons: [], undecided: true } as const
      this.#questions.push(chain === undefined ? nobody : { ...nobody, chain })
      return { answer: answerForNobody(access.revision()), ctx, question, decision: undefined }
    }
    let decided = access.decide(ctx, question)
    // An enforcement point acts on what it is told, so that an allowed question takes what its action needs.
    const reserving = mayGoOn(decided) ? access.reserve(ctx, [question], [decided]) : undefined
    const reserved = reserving instanceof Promise ? await reserving : reserving
    const [refused] = reserved?.refused ?? []
    if (refused !== undefined) decided = refused
    else if (reserved !== undefined) {
      decided = reserved.decisions?.[0] ?? decided
      this.#reserved.push(reserved)
    }
    this.#questions.push(decidedQuestion(asked, decided, access.recordedInputs(question, decided)))
    return { answer: answerOf(decided, evaluation.context), ctx, question, decision: decided }
  }
}
