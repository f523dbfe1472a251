import { setImmediate } from 'node:timers/promises'
import { finish } from '../cedar/index.ts'
import { AccessError } from './errors.ts'
import type { PolicyFile } from './layers.ts'
import { type PolicySet, policySetSteps } from './policy-set.ts'
import { type PolicyValidation, policyValidation } from './policy-validation.ts'
import {
  byAssignee,
  changeRoles,
  changeRolesSteps,
  checkRoles,
  keyOf,
  type RoleChange,
  type RoleGrant,
  type RoleMaking,
  type Roles,
} from './roles.ts'
import { unhurried } from './unhurried.ts'

/**
 * The policies of a tenant that are in force, with the roles that people have. Others are prepared beside them, while
 * decisions go on, and take their place at once. What fails changes nothing.
 */
export interface PoliciesInForce {
  current(): PolicySet
  /** Throws `policies_invalid` where `put` would, or where these roles do not fit. */
  check(files: readonly PolicyFile[] | undefined, roles: Roles | undefined): Promise<void>
  /** The set that these files and the roles as they are would make. Throws `policies_invalid` where `put` would. */
  prepare(files: readonly PolicyFile[]): Promise<PolicySet>
  /** The same, and as the roles are from then on, until `end` is called. Throws `policies_invalid`. */
  follow(files: readonly PolicyFile[]): Promise<Followed>
  /**
   * One after the other, in the order of the calls. `keep` writes down that they are in force, once nothing stands in
   * their way; they are when it has. Throws `policies_invalid`, changing nothing, and what `keep` throws.
   */
  put(files: readonly PolicyFile[], keep?: Keep): Promise<void>
  /** Replaces who has which role. Throws `policies_invalid`, changing nothing. */
  setRoles(roles: Roles): void
  /** What somebody has now. */
  grantsOf(assignee: RoleChange['assignee']): readonly RoleGrant[]
  /** All that somebody has, and that counts in the set in force. */
  linked(): Iterable<RoleChange>
  /** Roles that the tenant has declared. */
  declared(): ReadonlySet<string>
  /** The set with one grant more; nothing is put in force. Throws `policies_invalid`. */
  supposing(grant: RoleGrant): PolicySet
  /**
   * Reads anew what these have. A change of a few is in force when the call returns, one of many when it resolves.
   * Throws `policies_invalid`; what could not be given is then not given, and what was taken away is gone.
   */
  changeRoles(assignees: readonly RoleChange['assignee'][], grantsOf: GrantsOf): Promise<void>
}

/** Makes a change last. Returns how to take it back, for where what has happened meanwhile stands in its way after all. */
export type Keep = () => Promise<() => Promise<void>>

/** A set beside the one in force. */
export interface Followed {
  /**
   * With the roles that everybody has now; undefined while so many have changed that others would wait for it. Throws
   * `policies_invalid` where the tenant declares other roles than before.
   */
  current(): PolicySet | undefined
  end(): void
}

/** What somebody has now. */
export type GrantsOf = (assignee: RoleChange['assignee']) => RoleChange['grants']

/** What else there is that has to fit. */
export interface Enforcing {
  /** Throws where the set cannot be in force. */
  check(set: PolicySet): void
  /** Called with each set that takes the place of the one before. What it throws leaves that one in force. */
  enforce(set: PolicySet): void
  /** Told afterwards whose roles count differently. */
  onRoles(changes: readonly RoleChange[], declared: ReadonlySet<string>): void
}

/** `own` ships with the product and always stays. Throws `policies_invalid`. */
export function policiesInForce(
  { schema, own, tenant }: { readonly schema: string; readonly own: readonly PolicyFile[]; readonly tenant: string },
  { check, enforce, onRoles }: Enforcing,
): PoliciesInForce {
  // What was validated was so against one schema.
  let validations: ReadonlyMap<string, PolicyValidation> = new Map()
  const validationFor = ({ schema: { text } }: PolicySet): PolicyValidation => {
    const validation = validations.get(text) ?? policyValidation(text)
    // Of drafts with schemas of their own there may be any number.
    const kept = [...validations].filter(([one]) => one !== text).slice(1 - MOST_SCHEMAS)
    validations = new Map([...kept, [text, validation]])
    return validation
  }
  let set = finish(policySetSteps(schema, own))
  validationFor(set).validateNow(set.engine)
  const put = (next: PolicySet): void => {
    enforce(next)
    set = next
  }

  let declared: ReadonlySet<string> = new Set()
  const held = new Map<string, RoleChange>()
  /** Those whose roles the set in force could not be given. */
  const unlinked = new Map<string, RoleChange>()
  const making = (of: PolicySet): RoleMaking => ({ tenant, declared, validation: validationFor(of) })
  /** Whose roles have changed, for sets that are being prepared. */
  const watchers = new Set<(change: RoleChange) => void>()
  const noteRoles = (change: RoleChange): void => {
    const key = keyOf(change.assignee)
    if (change.grants.length === 0) held.delete(key)
    else held.set(key, change)
    for (const watcher of watchers) watcher(change)
  }

  // Files are checked before they are put in force, and are not compiled again for it.
  let last: { readonly files: readonly PolicyFile[]; readonly set: Promise<PolicySet> } | undefined
  const prepare = (list: readonly PolicyFile[]): Promise<PolicySet> => {
    if (last?.files === list) return last.set
    const prepared = unhurried(policySetSteps(schema, [...own, ...list])).then(async (fresh) => {
      await validationFor(fresh).validate(fresh.engine)
      return fresh
    })
    last = { files: list, set: prepared }
    return prepared
  }

  const linkRoles = async (prepared: PolicySet): Promise<PolicySet> => {
    for (;;) {
      const before = declared
      const missed: RoleChange[] = []
      const watcher = (change: RoleChange): void => void missed.push(change)
      watchers.add(watcher)
      try {
        const linked = await unhurried(changeRolesSteps(prepared, [...held.values()], making(prepared)))
        // From here on nothing else runs until it is in force.
        if (declared === before) return changeRoles(linked, missed, making(linked))
      } finally {
        watchers.delete(watcher)
      }
    }
  }

  let queue: Promise<unknown> = Promise.resolve()
  return {
    current: () => set,
    async check(list, roles) {
      const checked = list === undefined ? set : await prepare(list)
      const grants = roles?.grants ?? [...held.values()].flatMap((change) => change.grants)
      await unhurried(checkRoles(checked.engine, grants, { ...making(checked), declared: roles?.declared ?? declared }))
    },
    async prepare(list) {
      const prepared = await linkRoles(await prepare(list))
      check(prepared)
      return prepared
    },
    async follow(list) {
      const missed: RoleChange[] = []
      let noteMissed = (): void => undefined
      const watcher = (change: RoleChange): void => {
        missed.push(change)
        noteMissed()
      }
      const before = declared
      watchers.add(watcher)
      try {
        let followed = await linkRoles(await prepare(list))
        check(followed)
        let failure: { readonly error: unknown } | undefined
        let isCatchingUp = false
        const catchUp = async (): Promise<void> => {
          while (missed.length > 0 && watchers.has(watcher)) {
            await setImmediate()
            followed = changeRoles(followed, missed.splice(0, AT_ONCE), making(followed))
          }
        }
        noteMissed = () => {
          // A few are changed when somebody asks.
          if (isCatchingUp || missed.length <= AT_ONCE) return
          isCatchingUp = true
          catchUp().then(
            () => {
              isCatchingUp = false
            },
            (error: unknown) => {
              failure = { error }
            },
          )
        }
        noteMissed()
        return {
          current() {
            if (declared !== before) throw new AccessError('policies_invalid', 'the tenant declares other roles now')
            if (failure !== undefined) throw failure.error
            if (missed.length > AT_ONCE) return undefined
            if (missed.length > 0) followed = changeRoles(followed, missed.splice(0), making(followed))
            return followed
          },
          end: () => void watchers.delete(watcher),
        }
      } catch (error) {
        watchers.delete(watcher)
        throw error
      }
    },
    put(list, keep) {
      const mine = queue.then(async () => {
        const prepared = await prepare(list)
        if (keep !== undefined) check(await linkRoles(prepared))
        const undo = await keep?.()
        try {
          put(await linkRoles(prepared))
        } catch (error) {
          await undo?.()
          throw error
        }
        last = undefined
        if (unlinked.size > 0) {
          onRoles(
            [...unlinked].map(([key, change]) => held.get(key) ?? without(change)),
            declared,
          )
          unlinked.clear()
        }
        const validation = validationFor(set)
        validations = new Map([[set.schema.text, validation]])
        validation.keepOnly(set.engine)
      })
      queue = mine.catch(() => undefined)
      return mine
    },
    setRoles(roles) {
      const next = byAssignee(roles.grants)
      const gone = [...held.keys()].filter((key) => !next.has(key)).map((key) => held.get(key))
      const changes = [...gone.filter((change) => change !== undefined).map(without), ...next.values()]
      put(changeRoles(set, changes, { ...making(set), declared: roles.declared }))
      declared = roles.declared
      const others = changes.filter((change) => unlinked.has(keyOf(change.assignee)) || isOther(change, held))
      for (const change of changes) noteRoles(change)
      unlinked.clear()
      onRoles(others, declared)
    },
    grantsOf: (assignee) => held.get(keyOf(assignee))?.grants ?? [],
    linked: () => [...held].filter(([key]) => !unlinked.has(key)).map(([, change]) => change),
    declared: () => declared,
    supposing(grant) {
      const { assignee } = grant
      const grants = [...(held.get(keyOf(assignee))?.grants ?? []), grant]
      return changeRoles(set, [{ assignee, grants }], making(set))
    },
    async changeRoles(assignees, grantsOf) {
      for (let at = 0; at < assignees.length; at += AT_ONCE) {
        if (at > 0) await setImmediate()
        const changes = assignees.slice(at, at + AT_ONCE).map((assignee) => ({ assignee, grants: grantsOf(assignee) }))
        for (const change of changes) noteRoles(change)
        try {
          put(changeRoles(set, changes, making(set)))
        } catch (error) {
          put(changeRoles(set, changes.map(without), making(set)))
          for (const change of changes) unlinked.set(keyOf(change.assignee), change)
          onRoles(changes.map(without), declared)
          throw error
        }
        for (const change of changes) unlinked.delete(keyOf(change.assignee))
        onRoles(changes, declared)
      }
    },
  }
}

/** Schemas against which what was validated is remembered. */
const MOST_SCHEMAS = 4

/** Assignees whose roles are changed before others get their turn. */
const AT_ONCE = 20

function isOther({ assignee, grants }: RoleChange, held: ReadonlyMap<string, RoleChange>): boolean {
  return JSON.stringify(held.get(keyOf(assignee))?.grants ?? []) !== JSON.stringify(grants)
}

function without({ assignee }: RoleChange): RoleChange {
  return { assignee, grants: [] }
}

/** The set that these files and roles make, at once: for trying policies, not for deciding. Throws `policies_invalid`. */
export function policySetNow({
  schema,
  files,
  roles,
  tenant,
}: {
  readonly schema: string
  readonly files: readonly PolicyFile[]
  readonly roles: Roles
  readonly tenant: string
}): PolicySet {
  const set = finish(policySetSteps(schema, files))
  const validation = policyValidation(set.schema.text)
  validation.validateNow(set.engine)
  return changeRoles(set, [...byAssignee(roles.grants).values()], { tenant, declared: roles.declared, validation })
}
