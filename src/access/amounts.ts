/**
 * What an action uses, by unit: `input_tokens`, `output_tokens`, `bytes`, `rows`, `seconds`, or a currency (`EUR`, in
 * whole units of it).
 */
export type Amounts = Readonly<Record<string, number>>

/** What a model costs: money for a million tokens. `currency` as in ISO 4217. */
export interface Price {
  readonly currency: string
  readonly input: number
  readonly output: number
}
