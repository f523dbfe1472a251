import { APIError } from 'openai'
import { z } from 'zod'

const Denial = z.looseObject({
  txn: z.string(),
  record: z.number(),
  policies: z.array(z.string()),
  remedy: z.string().optional(),
})

export interface Denied {
  readonly message: string
  readonly txn: string
  readonly record: number
  readonly policies: readonly string[]
  readonly remedy: string
}

/** What a denial says to a client: an OpenAI error object, or a JSON-RPC error with data; `undefined` for other errors. */
export function denialOf(error: unknown): Denied | undefined {
  const data =
    error instanceof APIError
      ? z.looseObject({ sallyport: z.unknown() }).safeParse(error.error).data?.sallyport
      : dataOf(error)
  const denial = Denial.safeParse(data)
  if (!denial.success || !(error instanceof Error)) return undefined
  const { txn, record, policies, remedy = '' } = denial.data
  return { message: error.message, txn, record, policies, remedy }
}

function dataOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined
}
