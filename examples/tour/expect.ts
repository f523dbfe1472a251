/** The tour asserts what it tells: whatever does not hold ends it with an exit code other than 0. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
