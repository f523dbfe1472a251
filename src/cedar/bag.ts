/** An object without a prototype: every key is data, `__proto__` and `constructor` too. */
export interface Bag<V> {
  [key: string]: V | undefined
}

// An object made by a class keeps V8's fast layout; one from `Object.create(null)` is a hash table, four times as big.
class BareObject {}
Object.setPrototypeOf(BareObject.prototype, null)
Reflect.deleteProperty(BareObject.prototype, 'constructor')

export function createBag<V>(): Bag<V> {
  // INVARIANT: nothing is inherited, so whatever is found under a key was put there.
  return new BareObject() as Bag<V>
}

export function bagOf<V>(entries: Iterable<readonly [string, V]>): Bag<V> {
  const bag = createBag<V>()
  for (const [key, value] of entries) bag[key] = value
  return bag
}
