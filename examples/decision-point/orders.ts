import { DatabaseSync } from 'node:sqlite'
import type { Condition } from './decision-point.ts'

export interface Order {
  readonly id: string
  readonly owner: string
  readonly total: number
}

/** Where the application keeps its orders, and what of them policies can ask about. */
export const ORDER_COLUMNS = {
  dialect: 'sqlite',
  id: 'id',
  attributes: {
    owner: { type: 'entity', entity: 'User', column: 'owner', required: true },
    total: { type: 'long', column: 'total', required: true },
  },
} as const

const database = new DatabaseSync(':memory:')
database.exec(`CREATE TABLE orders (id TEXT PRIMARY KEY, owner TEXT NOT NULL, total INTEGER NOT NULL);
  INSERT INTO orders VALUES ('o1', 'ada', 50), ('o2', 'ada', 500), ('o3', 'ben', 20)`)

export function ordersWhere({ text, parameters }: Condition): readonly Order[] {
  const rows = database.prepare(`SELECT id, owner, total FROM orders WHERE ${text} ORDER BY id`).all(...parameters)
  return rows as unknown as readonly Order[] // the columns of the table
}

export function orderNamed(id: string): Order | undefined {
  return ordersWhere({ text: 'id = ?', parameters: [id] })[0]
}

/** An order as the decision point is told of it. */
export function resourceOf(id: string): { type: string; id: string; properties?: { owner: string; total: number } } {
  const order = orderNamed(id)
  if (order === undefined) return { type: 'order', id }
  return { type: 'order', id, properties: { owner: order.owner, total: order.total } }
}
