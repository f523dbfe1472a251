import type { Test } from './frame.ts'

/**
 * The tests of policies that are compiled together, each made once. Policies made by a program have most of them in
 * common; what is shared stays in the caches of the processor however many policies there are.
 */
export class SharedTests {
  readonly #byText = new Map<string, Test>()
  readonly #pairs = new Map<Test, Map<Test, Test>>()

  /** The test with this text. What is made must depend on nothing else. */
  test(text: string, make: () => Test): Test {
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    const made = make()
    this.#byText.set(text, made)
    return made
  }

  /** Whether all hold, asked in this order until one does not. */
  all(tests: readonly Test[]): Test {
    return tests.reduceRight<Test | undefined>((rest, first) => this.#both(first, rest), undefined) ?? ALWAYS
  }

  #both(first: Test, second: Test | undefined): Test {
    if (second === undefined) return first
    // By the second, for those are conditions, which differ less.
    const known = this.#pairs.get(second) ?? new Map<Test, Test>()
    this.#pairs.set(second, known)
    const both = known.get(first) ?? ((frame) => first(frame) && second(frame))
    known.set(first, both)
    return both
  }
}

const ALWAYS: Test = () => true
