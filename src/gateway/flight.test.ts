import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Caller, parsePrincipalId } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'
import { Flight, Flights } from './flight.ts'

const callerOf = (name: string): Caller => ({
  chain: [{ kind: 'Agent', id: parsePrincipalId(name) ?? assert.fail() }],
  delegation: undefined,
  authentication: { method: 'gateway_key', at: 0 },
  scope: undefined,
  credential: `gk_${name}`,
  expiresAt: 1,
})

test('what a caller makes is cut off, and nothing else', () => {
  const flights = new Flights()
  const [one, two] = [new Flight(), new Flight()]
  flights.add(one, callerOf('helper'))
  flights.add(two, callerOf('stranger'))
  flights.cut(({ credential }) => credential === 'gk_helper', 'gone')
  assert.deepEqual([one.error?.publicMessage, two.error], ['gone', undefined])
})

test('a flight that has ended is not cut, in whatever order they end', () => {
  const flights = new Flights()
  const all = Array.from({ length: 6 }, () => new Flight())
  for (const flight of all) flights.add(flight, callerOf('helper'))
  for (const index of [0, 5, 3, 3]) flights.remove(all[index] ?? assert.fail())
  assert.equal(flights.size, 3)
  flights.cutAll()
  assert.deepEqual(
    all.map((flight) => flight.error !== undefined),
    [false, true, true, false, true, false],
  )
  for (const flight of all) flights.remove(flight)
  assert.equal(flights.size, 0)
})

test('only the first reason counts, and what is to be stopped is stopped once', () => {
  const flight = new Flight()
  const stopped: string[] = []
  flight.onAbort((error) => stopped.push(error.code))
  flight.abort(new GatewayError('cut', 'cut'))
  flight.abort(new GatewayError('client_gone', 'gone'))
  assert.deepEqual(stopped, ['cut'])
  assert.throws(() => flight.check(), /cut/)
  assert.throws(() => flight.onAbort(undefined), /cut/)
})

test('what is broken off already is not decided on again', () => {
  const flights = new Flights()
  const flight = new Flight()
  let decided = 0
  flight.isAllowed = () => {
    decided++
    return false
  }
  flights.add(flight, callerOf('helper'))
  flights.lookAgain()
  flights.lookAgain()
  assert.deepEqual([decided, flight.error?.code], [1, 'cut'])
})
