import type { Json } from '../../kernel/index.ts'
import { HttpError } from '../errors.ts'

// Bodies are read by hand: a batch has hundreds of questions, and a schema would cost more than the decisions.

export interface Entity {
  readonly type: string
  readonly id: string
  readonly properties?: Properties
}

export interface Action {
  readonly name: string
  readonly properties?: Properties
}

export type Properties = { readonly [name: string]: Json }

/** AuthZEN 1.0, "The Access Evaluation API Request". */
export interface Evaluation {
  readonly subject: Entity
  readonly action: Action
  readonly resource: Entity
  readonly context?: Properties
}

export type Semantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit'

/** One of a batch: what was asked, or why it cannot be answered. */
export type Item = Evaluation | { readonly problem: string }

/** "The Access Evaluations API Request": without questions of its own, it is a single one. */
export type Evaluations =
  | { readonly kind: 'single'; readonly evaluation: Evaluation }
  | { readonly kind: 'batch'; readonly items: readonly Item[]; readonly semantic: Semantic }

export const MAX_EVALUATIONS = 1000
const MAX_TEXT = 1024
const MAX_PROPERTIES = 256

/** Throws `body_invalid`. */
export function readEvaluation(body: unknown): Evaluation {
  return evaluationIn(objectIn(body, 'the body'), {})
}

/**
 * Entities of the top level stand in, whole, where a question does not name its own ("Default values"). What is wrong
 * with the whole throws `body_invalid`; what is wrong with one question is that one's answer.
 */
export function readEvaluations(body: unknown): Evaluations {
  const request = objectIn(body, 'the body')
  const { evaluations = [], subject, action, resource, context } = request
  if (!Array.isArray(evaluations)) throw invalid('`evaluations` must be an array')
  if (evaluations.length === 0) return { kind: 'single', evaluation: evaluationIn(request, {}) }
  if (evaluations.length > MAX_EVALUATIONS) {
    throw invalid(`\`evaluations\` must not have more than ${MAX_EVALUATIONS} elements`)
  }
  const defaults: Defaults = {
    subject: subject === undefined ? undefined : entityIn(subject, 'subject'),
    action: action === undefined ? undefined : actionIn(action),
    // The to-do scenario sends an empty default that every question replaces.
    resource: resource === undefined || isEmpty(resource) ? undefined : entityIn(resource, 'resource'),
    context: context === undefined ? undefined : propertiesIn(context, 'context'),
  }
  const semantic = semanticIn(request.options)
  return { kind: 'batch', items: evaluations.map((item: unknown) => itemIn(item, defaults)), semantic }
}

/** What all three searches share. */
export interface Search extends Evaluation {
  readonly page: { readonly token?: string; readonly limit: number }
}

/** The entity that is looked for needs no id, and one that is given is not looked at. The action search has no action. */
export function readSearch(body: unknown, wanted: 'subject' | 'resource' | 'action'): Search {
  const { subject, action, resource, context, page } = objectIn(body, 'the body')
  return {
    subject: wanted === 'subject' ? typeIn(subject, 'subject') : entityIn(subject, 'subject'),
    action: wanted === 'action' ? { name: '' } : actionIn(action),
    resource: wanted === 'resource' ? typeIn(resource, 'resource') : entityIn(resource, 'resource'),
    ...(context === undefined ? {} : { context: propertiesIn(context, 'context') }),
    page: pageIn(page),
  }
}

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

function pageIn(page: unknown): Search['page'] {
  if (page === undefined || page === null) return { limit: DEFAULT_LIMIT }
  const { token = '', limit = DEFAULT_LIMIT } = objectIn(page, '`page`')
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0) {
    throw invalid('`page.limit` must be an integer that is not negative')
  }
  if (typeof token !== 'string' || token.length > MAX_TOKEN) throw invalid('`page.token` must be a text')
  // A page of nothing would lead nowhere.
  return { limit: Math.min(Math.max(limit, 1), MAX_LIMIT), ...(token === '' ? {} : { token }) }
}

const MAX_TOKEN = 8192

interface Defaults {
  readonly subject?: Entity | undefined
  readonly action?: Action | undefined
  readonly resource?: Entity | undefined
  readonly context?: Properties | undefined
}

type Loose = { readonly [name: string]: unknown }

function itemIn(item: unknown, defaults: Defaults): Item {
  try {
    return evaluationIn(objectIn(item, 'a question'), defaults)
  } catch (error) {
    if (error instanceof HttpError) return { problem: error.publicMessage }
    throw error
  }
}

function evaluationIn(item: Loose, defaults: Defaults): Evaluation {
  const subject = (item.subject === undefined ? defaults.subject : undefined) ?? entityIn(item.subject, 'subject')
  const action = (item.action === undefined ? defaults.action : undefined) ?? actionIn(item.action)
  const resource = (item.resource === undefined ? defaults.resource : undefined) ?? entityIn(item.resource, 'resource')
  const context = item.context === undefined ? defaults.context : propertiesIn(item.context, 'context')
  return context === undefined ? { subject, action, resource } : { subject, action, resource, context }
}

function entityIn(value: unknown, name: 'subject' | 'resource'): Entity {
  if (value === undefined) throw invalid(`\`${name}\` is missing`)
  const { type, id, properties } = objectIn(value, `\`${name}\``)
  if (!isText(type)) throw noText(`${name}.type`)
  if (!isText(id)) throw noText(`${name}.id`)
  if (properties === undefined || properties === null) return { type, id }
  return { type, id, properties: propertiesIn(properties, `${name}.properties`) }
}

function typeIn(value: unknown, name: 'subject' | 'resource'): Entity {
  if (value === undefined) throw invalid(`\`${name}\` is missing`)
  const { type } = objectIn(value, `\`${name}\``)
  if (!isText(type)) throw noText(`${name}.type`)
  return { type, id: '' }
}

function actionIn(value: unknown): Action {
  if (value === undefined) throw invalid('`action` is missing')
  const { name, properties } = objectIn(value, '`action`')
  if (!isText(name)) throw noText('action.name')
  if (properties === undefined || properties === null) return { name }
  return { name, properties: propertiesIn(properties, 'action.properties') }
}

function propertiesIn(value: unknown, name: string): Properties {
  const properties = objectIn(value, `\`${name}\``)
  let count = 0
  for (const _ in properties) count++
  if (count > MAX_PROPERTIES) throw invalid(`\`${name}\` has more than ${MAX_PROPERTIES} members`)
  return properties as Properties // it comes from JSON.parse
}

function semanticIn(options: unknown): Semantic {
  if (options === undefined || options === null) return 'execute_all'
  const { evaluations_semantic: semantic = 'execute_all' } = objectIn(options, '`options`')
  if (semantic === 'execute_all' || semantic === 'deny_on_first_deny' || semantic === 'permit_on_first_permit') {
    return semantic
  }
  throw invalid(
    '`options.evaluations_semantic` must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`',
  )
}

function objectIn(value: unknown, name: string): Loose {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${name} must be an object`)
  return value as Loose // checked in the line above
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT
}

function noText(name: string): HttpError {
  return invalid(`\`${name}\` must be a text of 1 to ${MAX_TEXT} characters`)
}

function invalid(message: string): HttpError {
  return new HttpError('body_invalid', message)
}
