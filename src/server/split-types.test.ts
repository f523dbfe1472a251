import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { errorText, type TenantId } from '../kernel/index.ts'
import { tryMigration, undoMigration, writeUndo } from './migrate-folder.ts'

const TENANT = 'demo' as TenantId // a valid id

const FILES: Readonly<Record<string, string>> = {
  'tenant.yaml': `users:
  ada: { name: Ada, roles: [{ role: keeper, on: 'Shop::Order::"o1"' }] }
  ben: { name: Ben }
agents:
  clerk: { name: Clerk, sponsor: ada, type: assistant }
roles:
  keeper: { title: Keeps the orders }
projects:
  spring: {}
resources:
  Shop::Order::"o1": { attributes: { total: 50 } } # small
  Shop::Order::"o2": { project: spring, attributes: { total: 500 } }
  Shop::Order::"o3": {} # nobody knows
  Shop::Invoice::"i1": { in: ['Shop::Order::"o1"'], attributes: { total: 70 } }
lists:
  - { deny: 'resource:Shop::Order::"o2"', actions: Shop::view, reason: a test }
schema: shop.cedarschema
policies:
  - shop.cedar
  - { file: limits.cedar, as: limits }
  - { file: at-most.cedar, as: ceiling, project: spring }
`,
  'shop.cedarschema': `namespace Shop {
  @doc("An order")
  entity Order in [Project, Tenant] { total?: Long };
  entity Invoice in [Order, Tenant] { total?: Long };
  entity Line in Order;
  action view appliesTo { principal: [User, Agent], resource: [Order, Invoice] };
  action refund appliesTo { principal: [User, Agent], resource: Order };
}
`,
  'shop.cedar': `@id("shop/keeper") @role("keeper")
permit (principal in ?principal, action == Shop::Action::"view", resource in ?resource);

@id("shop/orders") @role("keeper")
permit (principal in ?principal, action == Shop::Action::"refund", resource is Shop::Order in ?resource);

@id("shop/clerk") // small ones only
permit (principal in AgentType::"assistant", action, resource is Shop::Order) // an order
when { resource has total && resource.total < 100 };

@id("shop/look")
permit (principal == User::"ada", action == Shop::Action::"view", resource)
when { resource is Shop::Invoice || resource is Shop::Order in Project::"spring" || resource == Shop::Order::"o3" };

@id("shop/none")
forbid (principal == User::"ben", action, resource in Shop::Order::"o2")
when { !(resource is Shop::Invoice) };
`,
  'limits.cedar':
    '@id("shop/often") @limit("3/minute") permit (principal, action == Shop::Action::"view", resource is Shop::Order);\n',
  'at-most.cedar': '@id("spring/most") permit (principal, action, resource is Shop::Order);\n',
  'shop.test.yaml': `variables: { small: 'Shop::Order::"o1"' }
defaults: { by: ada, resource: '\${small}' }
entities:
  Shop::Order::"new": { attributes: { total: 3 } }
cases:
  - { name: ada looks, action: Shop::view, expect: { decision: allow, reasons: ['shop/keeper of User::ada on Shop::Order::o1'], limits: [shop/often] } }
  - { name: small, by: clerk, action: Shop::refund, expect: allow }
  - { name: grown, by: clerk, action: Shop::refund, given: { 'Shop::Order::"o1"': { total: 100 } }, expect: deny }
  - { name: large, by: clerk, action: Shop::refund, resource: 'Shop::Order::"o2"', expect: deny }
  - { name: new, by: clerk, action: Shop::refund, resource: 'Shop::Order::"new"', expect: allow }
  - { name: invoice, action: Shop::view, resource: 'Shop::Invoice::"i1"', mandate: { actions: [Shop::view], resources: ['Shop::Order::"o1"'] }, expect: allow }
`,
}

const BY_CONDITION = `types:
  Shop::Order:
    - { to: Shop::SmallOrder, when: resource has total && resource.total < 100 }
    - { to: Shop::LargeOrder }
`

const AFTER: Readonly<Record<string, string>> = {
  'tenant.yaml': (FILES['tenant.yaml'] ?? '')
    .replaceAll('Order::"o1"', 'SmallOrder::"o1"')
    .replaceAll(/Order::"(o2|o3)"/g, 'LargeOrder::"$1"'),
  'shop.cedarschema': `namespace Shop {
  @doc("An order")
  entity SmallOrder, LargeOrder in [Project, Tenant] { total?: Long };
  entity Invoice in [SmallOrder, LargeOrder, Tenant] { total?: Long };
  entity Line in [SmallOrder, LargeOrder];
  action view appliesTo { principal: [User, Agent], resource: [SmallOrder, LargeOrder, Invoice] };
  action refund appliesTo { principal: [User, Agent], resource: [SmallOrder, LargeOrder] };
}
`,
  'shop.cedar': `@id("shop/keeper") @role("keeper")
permit (principal in ?principal, action == Shop::Action::"view", resource in ?resource);

@id("shop/orders") @role("keeper")
permit (principal in ?principal, action == Shop::Action::"refund", resource in ?resource)
when { resource is Shop::SmallOrder || resource is Shop::LargeOrder };

@id("shop/clerk") // small ones only
permit (principal in AgentType::"assistant", action, resource)
when { resource is Shop::SmallOrder || resource is Shop::LargeOrder } // an order
when { resource has total && resource.total < 100 };

@id("shop/look")
permit (principal == User::"ada", action == Shop::Action::"view", resource)
when { resource is Shop::Invoice || ((resource is Shop::SmallOrder || resource is Shop::LargeOrder) && resource in Project::"spring") || resource == Shop::LargeOrder::"o3" };

@id("shop/none")
forbid (principal == User::"ben", action, resource in Shop::LargeOrder::"o2")
when { !(resource is Shop::Invoice) };
`,
  'limits.cedar':
    '@id("shop/often") @limit("3/minute") permit (principal, action == Shop::Action::"view", resource)\nwhen { resource is Shop::SmallOrder || resource is Shop::LargeOrder };\n',
  'at-most.cedar':
    '@id("spring/most") permit (principal, action, resource)\nwhen { resource is Shop::SmallOrder || resource is Shop::LargeOrder };\n',
  'shop.test.yaml': (FILES['shop.test.yaml'] ?? '')
    .replaceAll(/Order::"(o1|new)"/g, 'SmallOrder::"$1"')
    .replaceAll('Order::o1', 'SmallOrder::o1')
    .replaceAll('Order::"o2"', 'LargeOrder::"o2"'),
}

const options = { tenant: TENANT, generated: 300, onProgress: () => undefined }

test('a type that is split is split in schema, policies, limits, ceilings, manifests and cases, and decisions stay', async () => {
  await withFolder(BY_CONDITION, FILES, async ({ folder, plan }) => {
    const before = textsIn(folder)
    const tried = await tryMigration(plan, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    assert.equal(tried.proof.cases, 6)
    assert.deepEqual(textsIn(folder), before)
    tried.write()
    const { 'migrations/plan.undo.json': undo, 'migrations/plan.yaml': _, ...texts } = textsIn(folder)
    assert.ok(undo)
    assert.deepEqual(texts, AFTER)
    writeUndo(plan, folder, undoMigration(plan, folder))
    assert.deepEqual(textsIn(folder), before)
  })
})

test('a type is split by ids, also of things that no file declares', async () => {
  const plan = 'types: { Shop::Order: [{ to: Shop::Old, only: [o1, o9] }, { to: Shop::Order }] }\n'
  const more = { 'more.cedar': '@id("more") permit (principal, action, resource == Shop::Order::"o9");\n' }
  await withFolder(plan, withMore(more), async ({ folder, plan: file }) => {
    const tried = await tryMigration(file, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    tried.write()
    const texts = textsIn(folder)
    assert.match(texts['more.cedar'] ?? '', /resource == Shop::Old::"o9"\)/)
    assert.match(texts['shop.cedarschema'] ?? '', /entity Old, Order in \[Project, Tenant\]/)
    assert.match(texts['tenant.yaml'] ?? '', /Shop::Old::"o1": .*\n {2}Shop::Order::"o2": /)
  })
})

test('a type is split together with its attributes and with an action that goes by the type', async () => {
  const plan = `${BY_CONDITION}attributes: { Shop::Order: { total: amount } }
actions:
  Shop::view: [{ to: Shop::see, on: Shop::Order }, { to: Shop::check, on: Shop::Invoice }]
`
  // A list entry of the action would become two, and its target another one: that takes two steps.
  const unlisted = (FILES['tenant.yaml'] ?? '').replace(/^lists:\n.*\n/m, '')
  await withFolder(plan, { ...FILES, 'tenant.yaml': unlisted }, async ({ folder, plan: file }) => {
    const before = textsIn(folder)
    const tried = await tryMigration(file, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    tried.write()
    const texts = textsIn(folder)
    assert.match(texts['shop.cedarschema'] ?? '', /action "see" appliesTo .* resource: \[SmallOrder, LargeOrder\] \}/)
    assert.match(texts['shop.cedarschema'] ?? '', /entity SmallOrder, LargeOrder in .* \{ amount\?: Long \}/)
    assert.match(texts['shop.cedar'] ?? '', /resource has amount && resource\.amount < 100/)
    writeUndo(file, folder, undoMigration(file, folder))
    assert.deepEqual(textsIn(folder), before)
  })
})

test('packs take all parts as the type of a parameter, and each value by its part', async () => {
  const files = {
    ...FILES,
    'tenant.yaml': `${FILES['tenant.yaml']}packs:
  - { pack: viewer, version: 1.0.0, as: clerks, agentType: assistant, with: { order: 'Shop::Order::"o2"' } }
`,
    'packs/viewer/pack.yaml': `name: viewer
version: 1.0.0
title: Sees one order
description: Sees one order.
layers: [agentType]
parameters:
  order: { type: entity, of: Shop::Order, doc: the order }
`,
    'packs/viewer/grants.cedar':
      '@id("sees") permit (principal, action == Shop::Action::"view", resource == Parameter::"order");\n',
  }
  await withFolder(BY_CONDITION, files, async ({ folder, plan }) => {
    const tried = await tryMigration(plan, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    tried.write()
    const texts = textsIn(folder)
    assert.match(texts['packs/viewer/pack.yaml'] ?? '', /of: \[Shop::SmallOrder, Shop::LargeOrder\],/)
    assert.match(texts['tenant.yaml'] ?? '', /with: \{ order: 'Shop::LargeOrder::"o2"' \}/)
  })
})

test('an attribute of several types is called something else in each, where policies say which type they mean', async () => {
  const plan = 'attributes: { Shop::Order: { total: orderTotal }, Shop::Invoice: { total: invoiceTotal } }\n'
  const more = {
    'more.cedar': `@id("more") permit (principal == User::"ben", action, resource)
when { resource is Shop::Order && resource has total && resource.total < 9 || resource is Shop::Invoice && resource has total && resource.total < 99 };
`,
  }
  await withFolder(plan, withMore(more), async ({ folder, plan: file }) => {
    const tried = await tryMigration(file, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    tried.write()
    const texts = textsIn(folder)
    assert.match(
      texts['shop.cedarschema'] ?? '',
      /entity Order .* \{ orderTotal\?: .*\n.*entity Invoice .* \{ invoiceTotal\?: /,
    )
    assert.match(texts['more.cedar'] ?? '', /Order && resource has orderTotal && resource\.orderTotal < 9 \|\| /)
    assert.match(texts['more.cedar'] ?? '', /Invoice && resource has invoiceTotal && resource\.invoiceTotal < 99 /)
    assert.match(texts['tenant.yaml'] ?? '', /"o1": \{ attributes: \{ orderTotal: 50/)
    assert.match(texts['tenant.yaml'] ?? '', /attributes: \{ invoiceTotal: 70/)
  })
})

const permit = (condition: string): Readonly<Record<string, string>> => ({
  'more.cedar': `@id("more") permit (principal, action == Shop::Action::"view", resource)\nwhen { ${condition} };\n`,
})

/** A plan, what is in the folder beside the files above, and what is said of it. */
const REFUSED: readonly (readonly [string, RegExp, Readonly<Record<string, string>>?])[] = [
  [BY_CONDITION, /more\.cedar.*set/s, permit('resource in [Shop::Order::"o1", Shop::Order::"o2"]')],
  ['types: { Shop::Order: [] }', /plan\.yaml:1: /],
  ['types: { Shop::Order: [{ to: Shop::A, where: x }, { to: Shop::B }] }', /plan\.yaml:1: /],
  ['types: { Shop::Order: [{ to: Shop::A }, { to: Shop::B }] }', /needs `when` or `only`/],
  [
    'types: { Shop::Order: [{ to: Shop::A, only: [o1] }, { to: Shop::B, only: [o2] }] }',
    /the last part takes the rest/,
  ],
  [
    'types: { Shop::Order: [{ to: Shop::A, only: [o1], when: "true" }, { to: Shop::B }] }',
    /needs `when` or `only`: what goes to this part/,
  ],
  [
    'types: { Shop::Order: [{ to: Shop::A, only: [o1] }, { to: Shop::B, only: [o1] }, { to: Shop::C }] }',
    /`o1` is in `only` twice/,
  ],
  [
    'types: { Shop::Order: [{ to: Shop::A, only: [o1] }, { to: Shop::Invoice }] }',
    /`Shop::Invoice` is the name of another type already/,
  ],
  ['types: { Shop::Order: [{ to: Shop::A, only: [o1] }, { to: Shop::A }] }', /would both become `Shop::A`/],
  ['types: { Shop::Order: [{ to: A, only: [o1] }, { to: Shop::B }] }', /`A` is in another namespace/],
  ['types: { Dataset: [{ to: A, only: [o1] }, { to: B }] }', /the type `Dataset` comes with Sallyport/],
  [
    'types: { Shop::Order: [{ to: Shop::A, when: resource.size > 3 }, { to: Shop::B }] }',
    /plan\.yaml:1: `resource\.size > 3`: .*size/,
  ],
  [
    'types: { Shop::Order: [{ to: Shop::A, when: principal is User }, { to: Shop::B }] }',
    /plan\.yaml:1: `principal is User`: .*must be about `resource` alone/,
  ],
  [
    'types: { Shop::Order: [{ to: Shop::A, when: "true }; permit (principal, action, resource) when { true" }, { to: Shop::B }] }',
    /must be one condition/,
  ],
  [
    BY_CONDITION,
    /more\.cedar:2:\d+: `more`: `Shop::Order::"o9"` is declared nowhere/,
    permit('resource == Shop::Order::"o9"'),
  ],
  [
    BY_CONDITION,
    /more\.cedar:2:\d+: `more` says `is` of something else than `resource` and `principal`, and the type is split/,
    permit('(if resource is Shop::Invoice then resource else resource) is Shop::Order'),
  ],
  [
    BY_CONDITION,
    /cannot be rewritten, and the type is split/,
    permit('resource is Shop::Order in (Project::"spring")'),
  ],
  [
    BY_CONDITION,
    /more\.test\.yaml:2: `Shop::Order::"o9"` is declared nowhere, and `Shop::Order` is split/,
    {
      'more.test.yaml': `cases:\n  - { by: ada, action: Shop::view, resource: 'Shop::Order::"o9"', expect: allow }\n`,
    },
  ],
  [
    BY_CONDITION,
    /`Shop::Order::"new"` would be a `Shop::LargeOrder` here and a `Shop::SmallOrder` elsewhere|`Shop::Order::"new"` would be a `Shop::SmallOrder` here and a `Shop::LargeOrder` elsewhere/,
    {
      'more.test.yaml': `entities:
  Shop::Order::"new": { attributes: { total: 300 } }
cases:
  - { by: ada, action: Shop::view, resource: 'Shop::Order::"new"', expect: deny }
`,
    },
  ],
  [
    BY_CONDITION,
    /shop\.cedarschema:4:\d+: `Shop::Order` is split, and what has a value of it can have one type only/,
    {
      'shop.cedarschema': (FILES['shop.cedarschema'] ?? '').replace(
        '[Order, Tenant] { total?: Long }',
        '[Order, Tenant] { total?: Long, of?: Order }',
      ),
    },
  ],
  [
    'types: { Shop::Sum: [{ to: Shop::A, only: [o1] }, { to: Shop::B }] }',
    /`Shop::Sum` is a record and no entity/,
    {
      'shop.cedarschema': (FILES['shop.cedarschema'] ?? '').replace(
        'namespace Shop {\n',
        'namespace Shop {\n  type Sum = { of?: Long };\n',
      ),
    },
  ],
  [
    'attributes: { Shop::Order: { total: orderTotal }, Shop::Invoice: { total: invoiceTotal } }',
    /more\.cedar:2:\d+: `more` asks for `total`, which is of `Shop::Order` `orderTotal` and of `Shop::Invoice` `invoiceTotal`/,
    permit('resource has total && resource.total < 3'),
  ],
]

for (const [plan, expected, more = {}] of REFUSED) {
  test(`nothing is written for \`${plan.split('\n')[0]}\`, told as ${expected.source.slice(0, 60)}`, async () => {
    await withFolder(plan, withMore(more), async ({ folder, plan: file }) => {
      const before = textsIn(folder)
      let refused = ''
      try {
        await tryMigration(file, folder, options)
      } catch (error) {
        refused = errorText(error)
      }
      assert.match(refused, expected)
      assert.deepEqual(textsIn(folder), before)
    })
  })
}

function withMore(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const files = { ...FILES, ...more }
  if (more['more.cedar'] === undefined) return files
  return {
    ...files,
    'tenant.yaml': (FILES['tenant.yaml'] ?? '').replace('  - shop.cedar\n', '  - shop.cedar\n  - more.cedar\n'),
  }
}

async function withFolder(
  plan: string,
  files: Readonly<Record<string, string>>,
  run: (paths: { readonly folder: string; readonly plan: string }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-shop-'))
  try {
    for (const [name, text] of Object.entries({ ...files, 'migrations/plan.yaml': plan })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    await run({ folder, plan: join(folder, 'migrations/plan.yaml') })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function textsIn(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return Object.fromEntries(
    names.map((one) => {
      const path = join(one.parentPath, one.name)
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')]
    }),
  )
}
