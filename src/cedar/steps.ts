/** Work that can rest between two steps, each of which is short, so that others have their turn meanwhile. */
export type Steps<T> = Generator<void, T>

/** Does it all at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
