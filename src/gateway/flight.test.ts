import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PrincipalId, type PrincipalRef, parsePrincipalId } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'
import { Flight, Flights } from './flight.ts'

const id = (name: string): PrincipalId => parsePrincipalId(name) ?? assert.fail()
const agent = (name: string): PrincipalRef => ({ kind: 'Agent', id: id(name) })
const sponsorOf = (name: PrincipalId): PrincipalId | undefined => (name === id('helper') ? id('alice') : undefined)

test('whoever takes part is cut off, in any place of the chain, and so is who stands for an agent', () => {
  const flights = new Flights()
  const [one, two, three] = [new Flight(), new Flight(), new Flight()]
  flights.add(one, [agent('bob'), agent('other')])
  flights.add(two, [agent('helper')])
  flights.add(three, [agent('stranger')])
  flights.cut(new Set([id('bob')]), sponsorOf)
  flights.cut(new Set([id('alice')]), sponsorOf)
  assert.deepEqual([one.error?.code, two.error?.code, three.error], ['cut', 'cut', undefined])
})

test('a flight that has ended is not cut, in whatever order they end', () => {
  const flights = new Flights()
  const all = Array.from({ length: 6 }, () => new Flight())
  for (const flight of all) flights.add(flight, [agent('helper')])
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
