import assert from 'node:assert/strict'
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { errorText, type TenantId } from '../kernel/index.ts'
import { tryMigration, undoMigration, writeUndo } from './migrate-folder.ts'

const TENANT = 'demo' as TenantId // a valid id

const FILES: Readonly<Record<string, string>> = {
  'tenant.yaml': `# The shop.
users:
  ada: { name: Ada, roles: [{ role: keeper, on: 'Shop::Order::"o1"' }] }
  ben: { name: Ben, roles: [keeper] } # everywhere
agents:
  clerk: { name: Clerk, sponsor: ada, type: assistant }
roles:
  keeper: { title: Keeps the orders }
projects:
  spring: {}
resources:
  Shop::Order::"o1": { attributes: { state: open, total: 50 } }
  Shop::Order::"o2": { project: spring, attributes: { state: open, total: 500 } }
  Shop::Invoice::"i1": { in: ['Shop::Order::"o1"'], attributes: { total: 70 } }
lists:
  - { deny: 'resource:Shop::Order::"o2"', actions: Shop::view, reason: a test }
schema: shop.cedarschema
policies:
  - shop.cedar
  - { file: limits.cedar, as: limits }
  - { file: at-most.cedar, as: ceiling, project: spring }
`,
  'shop.cedarschema': `// What the shop has.
namespace Shop {
  @doc("An order")
  entity Order in [Project, Tenant] {
    state?: String, // open or closed
    total?: Long,
  };
  entity Invoice in [Order, Tenant] { total?: Long };
  type Note = { channel?: String };
  @doc("Looking")
  action view, "order:change" in [Action::"data"] appliesTo {
    principal: [User, Agent],
    resource: [Order, Invoice],
    context: Note,
  };
  action refund appliesTo { principal: [User, Agent], resource: Order, context: { channel?: String } };
}
`,
  'shop.cedar': `// Who keeps orders.
@id("shop/keeper") @role("keeper")
permit (principal in ?principal, action in [Shop::Action::"view", Shop::Action::"order:change"], resource in ?resource);

@id("shop/clerk") // small ones only
permit (principal in AgentType::"assistant", action == Shop::Action::"refund", resource)
when { resource has total && // in euros
  resource.total < 100 }
unless { context has channel && context.channel == "chat" };

@id("shop/look")
permit (principal == User::"ada", action == Shop::Action::"view", resource)
when { resource is Shop::Invoice && resource has "total" && resource["total"] > 3 || resource == Shop::Order::"o2" };
`,
  'limits.cedar':
    '@id("shop/often") @limit("3/minute") permit (principal, action == Shop::Action::"view", resource is Shop::Order);\n',
  'at-most.cedar': '@id("spring/most") permit (principal, action, resource is Shop::Order);\n',
  'shop.test.yaml': `variables: { small: 'Shop::Order::"o1"', look: Shop::view }
defaults: { by: ada, resource: '\${small}' }
cases:
  - { name: ada looks, action: '\${look}', expect: { decision: allow, reasons: ['shop/keeper of User::ada on Shop::Order::o1'], limits: [shop/often] } }
  - { name: ben looks, by: ben, action: Shop::view, expect: { decision: allow, reasons: ['shop/keeper of Role::keeper on Tenant::demo'] } }
  - name: refunds
    by: clerk
    each: # of two kinds
      - { name: small, action: Shop::refund, expect: allow }
      - { name: chat, action: Shop::refund, facts: { channel: chat }, expect: deny }
      - { name: large, action: Shop::refund, given: { 'Shop::Order::"o1"': { total: 100 } }, expect: deny }
  - { name: invoice, action: Shop::view, resource: 'Shop::Invoice::"i1"', mandate: { actions: [Shop::view], resources: ['Shop::Order::"o1"'] }, expect: allow }
`,
}

async function withFolder<T>(
  plan: string,
  run: (paths: { readonly folder: string; readonly plan: string }) => Promise<T>,
  files: Readonly<Record<string, string>> = FILES,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-shop-'))
  try {
    for (const [name, text] of Object.entries({ ...files, 'migrations/plan.yaml': plan })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    return await run({ folder, plan: join(folder, 'migrations/plan.yaml') })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const options = { tenant: TENANT, generated: 300, onProgress: () => undefined }

function textsIn(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return Object.fromEntries(
    names.map((one) => [
      join(one.parentPath, one.name).slice(folder.length + 1),
      readFileSync(join(one.parentPath, one.name), 'utf8'),
    ]),
  )
}

const RENAME = `about: the shop speaks of purchases
types: { Shop::Order: Shop::Purchase, Shop::Note: Shop::Remark }
actions: { Shop::view: "Shop::purchase:read" }
attributes:
  Shop::Order: { total: amount }
  Shop::refund: { channel: way }
  Shop::Note: { channel: via }
roles: { keeper: curator }
`

test('names change in schema, policies, limits, ceilings, manifests and cases, and nothing else does', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const tried = await tryMigration(plan, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    assert.equal(tried.proof.cases, 6)
    assert.deepEqual(textsIn(folder), { ...FILES, 'migrations/plan.yaml': RENAME })
    tried.write()
    const { 'migrations/plan.undo.json': undo, 'migrations/plan.yaml': _, ...texts } = textsIn(folder)
    assert.ok(undo)
    assert.deepEqual(texts, AFTER)
  })
})

test('a migration that is undone leaves every byte as it was', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const before = textsIn(folder)
    ;(await tryMigration(plan, folder, options)).write()
    assert.notDeepEqual(textsIn(folder), before)
    writeUndo(plan, folder, undoMigration(plan, folder))
    assert.deepEqual(textsIn(folder), before)
  })
})

test('a file that has changed since is not undone, and then no other file is', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    ;(await tryMigration(plan, folder, options)).write()
    const changed = join(folder, 'limits.cedar')
    writeFileSync(changed, `${readFileSync(changed, 'utf8')}// more\n`)
    const before = textsIn(folder)
    assert.throws(() => undoMigration(plan, folder), /`limits\.cedar` has changed since the migration/)
    assert.deepEqual(textsIn(folder), before)
  })
})

test('a file that changes between trying and writing stops the whole of it', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const tried = await tryMigration(plan, folder, options)
    writeFileSync(join(folder, 'limits.cedar'), `${FILES['limits.cedar']}// more\n`)
    const before = textsIn(folder)
    assert.throws(() => tried.write(), /`limits\.cedar` has changed meanwhile; nothing was written/)
    assert.deepEqual(textsIn(folder), before)
  })
})

const SPLIT = `actions:
  Shop::order:change:
    - { to: "Shop::order:edit", on: Shop::Order }
    - { to: "Shop::invoice:edit", on: Shop::Invoice }
  Shop::refund:
    - { to: "Shop::refund:small", when: resource has total && resource.total < 60 }
    - { to: "Shop::refund:large" }
`

test('an action that is split is granted as before, and each case goes to the part that it asks', async () => {
  await withFolder(SPLIT, async ({ folder, plan }) => {
    const tried = await tryMigration(plan, folder, options)
    assert.deepEqual(tried.proof.changes, [])
    tried.write()
    const texts = textsIn(folder)
    assert.match(
      texts['shop.cedar'] ?? '',
      /action in \[Shop::Action::"refund:small", Shop::Action::"refund:large"\], resource\)/,
    )
    assert.match(
      texts['shop.cedar'] ?? '',
      /\[Shop::Action::"view", Shop::Action::"order:edit", Shop::Action::"invoice:edit"\]/,
    )
    const schema = texts['shop.cedarschema'] ?? ''
    assert.match(
      schema,
      /action "view" in \[Action::"data"\] appliesTo \{\s+principal: \[User, Agent\],\s+resource: \[Order, Invoice\]/,
    )
    assert.match(
      schema,
      /action "order:edit" in \[Action::"data"\] appliesTo \{\s+principal: \[User, Agent\],\s+resource: \[Order\]/,
    )
    assert.match(
      schema,
      /action "invoice:edit" in \[Action::"data"\] appliesTo \{\s+principal: \[User, Agent\],\s+resource: \[Invoice\]/,
    )
    assert.match(schema, /action "refund:small", "refund:large" appliesTo/)
    const cases = texts['shop.test.yaml'] ?? ''
    assert.match(cases, /name: small, action: Shop::refund:small,/)
    assert.match(cases, /name: large, action: Shop::refund:large,/)
    writeUndo(plan, folder, undoMigration(plan, folder))
    assert.deepEqual(textsIn(folder), { ...FILES, 'migrations/plan.yaml': SPLIT })
  })
})

test('a list entry of an action that is split becomes one for each of its parts', async () => {
  const listed = (FILES['tenant.yaml'] ?? '').replace('actions: Shop::view', "actions: 'Shop::order:change'")
  const files = { ...FILES, 'tenant.yaml': listed }
  await withFolder(
    SPLIT,
    async ({ folder, plan }) => {
      const tried = await tryMigration(plan, folder, options)
      tried.write()
      const manifest = textsIn(folder)['tenant.yaml'] ?? ''
      const entries = [...manifest.matchAll(/- \{ deny: 'resource:Shop::Order::"o2"', actions: '?([^',]+)'?, reason/g)]
      assert.deepEqual(
        entries.map(([, action]) => action),
        ['Shop::order:edit', 'Shop::invoice:edit'],
      )
      writeUndo(plan, folder, undoMigration(plan, folder))
      assert.equal(textsIn(folder)['tenant.yaml'], listed)
    },
    files,
  )
})

test('a role that is split goes whole to everybody who has it', async () => {
  const two = `${FILES['shop.cedar']}
@id("shop/closing") @role("keeper")
permit (principal in ?principal, action == Shop::Action::"refund", resource in ?resource);
`
  const plan = `roles:
  keeper: [{ to: curator, policies: [shop/keeper] }, { to: closer, policies: [shop/closing] }]
`
  await withFolder(
    plan,
    async ({ folder, plan: file }) => {
      const tried = await tryMigration(file, folder, options)
      assert.deepEqual(tried.proof.changes, [])
      tried.write()
      const manifest = textsIn(folder)['tenant.yaml'] ?? ''
      assert.match(
        manifest,
        /ada: \{ name: Ada, roles: \[\{ role: curator, on: [^}]+ \}, \{ role: closer, on: [^}]+ \}\] \}/,
      )
      assert.match(manifest, /ben: \{ name: Ben, roles: \[curator, closer\] \} # everywhere/)
      assert.match(
        manifest,
        /\n {2}curator: \{ title: Keeps the orders \}\n {2}closer: \{ title: Keeps the orders \}\n/,
      )
      writeUndo(file, folder, undoMigration(file, folder))
      assert.equal(textsIn(folder)['tenant.yaml'], FILES['tenant.yaml'])
    },
    {
      ...FILES,
      'shop.cedar': two,
      'shop.test.yaml': (FILES['shop.test.yaml'] ?? '').replace(/ reasons: \[[^\]]*\],?/g, ''),
    },
  )
})

test('what the plan takes away has to be announced, in cases and in requests', async () => {
  const narrower = SPLIT.replace('"Shop::refund:small", when', '"Shop::refund:small", notIn: [shop/clerk], when')
  const announce = 'announce:\n  - { effect: denied, action: Shop::refund }\n  - case: "refunds: small"\n'
  await withFolder(narrower, async ({ folder, plan }) => {
    const { proof } = await tryMigration(plan, folder, options)
    assert.deepEqual(
      proof.changes.map((change) => [
        change.kind === 'case' ? change.name : `${change.effect} ${change.action}`,
        change.isAnnounced,
      ]),
      [
        ['refunds: small', false],
        ['denied Shop::refund', false],
      ],
    )
    writeFileSync(plan, `${narrower}${announce}  - { effect: allowed }\n`)
    const announced = (await tryMigration(plan, folder, options)).proof
    assert.ok(announced.changes.length === 2 && announced.changes.every(({ isAnnounced }) => isAnnounced))
    assert.deepEqual(
      announced.needless.map((line) => line.slice(folder.length + 1)),
      ['migrations/plan.yaml:11: nothing of this changes'],
    )
  })
})

test('packs that stand in the folder change too, with what they are used with', async () => {
  const files = {
    ...FILES,
    'tenant.yaml': `${FILES['tenant.yaml']}packs:
  - { pack: viewer, version: 1.0.0, as: clerks, agentType: assistant, with: { order: 'Shop::Order::"o1"' } }
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
      '@id("sees") permit (principal, action == Shop::Action::"view", resource == Parameter::"order") when { resource is Shop::Order && resource has total };\n',
  }
  await withFolder(
    RENAME,
    async ({ folder, plan }) => {
      const tried = await tryMigration(plan, folder, options)
      assert.deepEqual(tried.proof.changes, [])
      tried.write()
      const texts = textsIn(folder)
      assert.match(texts['tenant.yaml'] ?? '', /with: \{ order: 'Shop::Purchase::"o1"' \}/)
      assert.match(texts['packs/viewer/pack.yaml'] ?? '', /of: Shop::Purchase,/)
      assert.match(
        texts['packs/viewer/grants.cedar'] ?? '',
        /"purchase:read", .* resource is Shop::Purchase && resource has amount \}/,
      )
      writeUndo(plan, folder, undoMigration(plan, folder))
      assert.deepEqual(textsIn(folder), { ...files, 'migrations/plan.yaml': RENAME })
    },
    files,
  )
})

test('names change places where the plan says that it means that', async () => {
  const swap = 'actions: { Shop::view: Shop::refund, Shop::refund: Shop::view }\n'
  await withFolder(swap, async ({ folder, plan }) => {
    await assert.rejects(
      tryMigration(plan, folder, options),
      /go in a circle: `Shop::view` → `Shop::refund` → `Shop::view`/,
    )
    writeFileSync(plan, `${swap}simultaneous: true\n`)
    const tried = await tryMigration(plan, folder, options)
    assert.deepEqual(tried.proof.changes, [])
  })
})

/** A plan, what is in the folder beside the files above, and what is said of it. */
const REFUSED: readonly (readonly [string, RegExp, Readonly<Record<string, string>>?])[] = [
  ['{}', /plan\.yaml:1: the plan changes nothing/],
  ['actions: [', /plan\.yaml:\d+: /],
  ['verbs: { a: b }', /unknown key `verbs`/],
  ['actions: { Shop::view: "a b" }', /plan\.yaml:1: `actions\.Shop::view\.0\.to`: must be an action/],
  ['actions: { Shop::look: Shop::see }', /plan\.yaml:1: there is no action `Shop::look`/],
  ['actions: { Shop::view: Shop::view }', /`Shop::view` would become itself/],
  ['actions: { Shop::view: Shop::refund }', /`Shop::refund` is the name of another action already/],
  [
    'actions: { Shop::view: Shop::see, Shop::refund: Shop::see }',
    /`Shop::view` and `Shop::refund` would both become `Shop::see`/,
  ],
  ['actions: { Shop::view: Store::view }', /`Store::view` is in another namespace than `Shop::view`/],
  ['actions: { data:read: data:look }', /the action `data:read` comes with Sallyport, and keeps its name/],
  ['types: { Dataset: Data }', /the type `Dataset` comes with Sallyport/],
  ['roles: { auditor: reader }', /the role `auditor` comes with Sallyport/],
  ['roles: { keeper: auditor }', /the role `auditor` comes with Sallyport/],
  ['attributes: { User: { name: title } }', /`User` comes with Sallyport, and its attributes keep their names/],
  ['attributes: { Shop::Order: { size: length } }', /`Shop::Order` has no attribute `size`/],
  ['attributes: { Shop::Order: { total: state } }', /`Shop::Order` has an attribute `state` already/],
  ['attributes: { Shop::Order: { total: state, state: total } }', /go in a circle: `total` → `state` → `total`/],
  ['attributes: { Shop::refund: { purpose: aim } }', /the fact `purpose` comes with Sallyport/],
  ['attributes: { Shop::view: { channel: way } }', /the context of `Shop::view` is `Shop::Note`: rename it there/],
  [
    'actions: { Shop::order:change: [{ to: Shop::a, on: Shop::Order }, { to: Shop::b, on: Shop::Order }] }',
    /`Shop::Invoice` has to be in `on` of exactly one part, and is in 0/,
  ],
  ['actions: { Shop::refund: [{ to: Shop::a }, { to: Shop::b }] }', /needs `on` or `when`/],
  [
    'actions: { Shop::refund: [{ to: Shop::a, when: resource.size > 3 }, { to: Shop::b }] }',
    /plan\.yaml:1: `resource\.size > 3`: .*size/,
  ],
  [
    'actions: { Shop::refund: [{ to: Shop::a, when: "true }; permit (principal, action, resource) when { true" }, { to: Shop::b }] }',
    /must be one condition/,
  ],
  [
    'actions: { Shop::refund: [{ to: Shop::a, when: "true" }, { to: Shop::b, notIn: [shop/clerk] }, { to: Shop::a }] }',
    /would both become `Shop::a`|needs `on` or `when`/,
  ],
  [
    'attributes: { Shop::Order: { total: amount } }',
    /more\.cedar:1:\d+: `more` asks for `total`, which is of `Shop::Order` `amount` and of `Shop::Invoice` `total` from now on/,
    {
      'more.cedar':
        '@id("more") permit (principal, action == Shop::Action::"view", resource) when { resource has total };',
    },
  ],
  [
    SPLIT,
    /more\.cedar:1:\d+: `more` uses `Shop::refund`, which is split, in a way that cannot be rewritten/,
    {
      'more.cedar': '@id("more") permit (principal, action, resource) when { Shop::Action::"refund" == action };',
    },
  ],
  [
    'actions: { Shop::view: Shop::see }',
    /more\.test\.yaml:3: the case `.*` cannot be rewritten in place|say in it what it takes from elsewhere/,
    {
      'more.test.yaml': `variables: { verb: view }\ncases:\n  - { by: ada, action: 'Shop::\${verb}', resource: 'Shop::Order::"o1"', expect: allow }\n`,
    },
  ],
]

for (const [plan, expected, more = {}] of REFUSED) {
  test(`nothing is written for \`${plan.split('\n')[0]}\`${Object.keys(more).join()}, and it is said why`, async () => {
    const manifest = (FILES['tenant.yaml'] ?? '').replace(
      '  - shop.cedar\n',
      more['more.cedar'] === undefined ? '  - shop.cedar\n' : '  - shop.cedar\n  - more.cedar\n',
    )
    await withFolder(
      plan,
      async ({ folder, plan: file }) => {
        const before = textsIn(folder)
        let refused = ''
        try {
          await tryMigration(file, folder, options)
        } catch (error) {
          refused = errorText(error)
        }
        assert.match(refused, expected)
        assert.deepEqual(textsIn(folder), before)
      },
      { ...FILES, ...more, 'tenant.yaml': manifest },
    )
  })
}

test('whatever is renamed, nothing changes but names, and undoing leaves every byte as it was', async () => {
  const name = fc.constantFrom('a', 'b', 'c', 'Longer', 'x_1')
  const plans = fc.record(
    {
      order: name,
      invoice: name,
      view: name,
      change: name,
      total: name,
      channel: name,
      role: name,
    },
    { requiredKeys: ['order'] },
  )
  await fc.assert(
    fc.asyncProperty(plans, async ({ order, invoice, view, change, total, channel, role }) => {
      const lines = [
        `types: { Shop::Order: Shop::O${order}${invoice === undefined ? '' : `, Shop::Invoice: Shop::I${invoice}`} }`,
        view === undefined && change === undefined
          ? ''
          : `actions: { ${[view === undefined ? [] : [`Shop::view: "Shop::v:${view}"`], change === undefined ? [] : [`Shop::order:change: Shop::c${change}`]].flat().join(', ')} }`,
        total === undefined && channel === undefined
          ? ''
          : `attributes: { ${[total === undefined ? [] : [`Shop::Order: { total: t${total} }`], channel === undefined ? [] : [`Shop::Note: { channel: n${channel} }`]].flat().join(', ')} }`,
        role === undefined ? '' : `roles: { keeper: r-${role.replace('_', '-')} }`,
      ]
      await withFolder(lines.join('\n'), async ({ folder, plan }) => {
        const before = textsIn(folder)
        const tried = await tryMigration(plan, folder, { ...options, generated: 50 })
        assert.deepEqual(tried.proof.changes, [])
        tried.write()
        writeUndo(plan, folder, undoMigration(plan, folder))
        assert.deepEqual(textsIn(folder), before)
      })
    }),
    { numRuns: 5 },
  )
})

test('a migration that stopped because a file had changed can be tried again', async () => {
  await withFolder(RENAME, async ({ folder }) => {
    const beside = mkdtempSync(join(tmpdir(), 'sallyport-plan-'))
    try {
      const plan = join(beside, 'plan.yaml')
      writeFileSync(plan, RENAME)
      const few = { ...options, generated: 20 }
      const tried = await tryMigration(plan, folder, few)
      writeFileSync(join(folder, 'limits.cedar'), `${FILES['limits.cedar']}// more\n`)
      assert.throws(() => tried.write(), /`limits\.cedar` has changed meanwhile; nothing was written/)
      ;(await tryMigration(plan, folder, few)).write()
      writeUndo(plan, folder, undoMigration(plan, folder))
      assert.equal(readFileSync(join(folder, 'limits.cedar'), 'utf8'), `${FILES['limits.cedar']}// more\n`)
    } finally {
      rmSync(beside, { recursive: true, force: true })
    }
  })
})

test('a file that is no text in UTF-8 is not migrated: it could not be brought back byte for byte', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const limits = join(folder, 'limits.cedar')
    const bytes = Buffer.concat([readFileSync(limits), Buffer.from('// caf\xe9\n', 'latin1')])
    writeFileSync(limits, bytes)
    await assert.rejects(tryMigration(plan, folder, options), /`limits\.cedar` is no text in UTF-8/)
    assert.deepEqual(readFileSync(limits), bytes)
  })
})

test('new texts are written to no place that a link in the folder leads to', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const outside = join(dirname(folder), `${basename(folder)}.txt`)
    writeFileSync(outside, 'mine')
    try {
      const tried = await tryMigration(plan, folder, options)
      for (const name of ['limits.cedar', '.sallyport-writing.json']) {
        symlinkSync(outside, join(folder, `${name}.sallyport-new`))
      }
      tried.write()
      assert.equal(readFileSync(outside, 'utf8'), 'mine')
      assert.ok(!lstatSync(join(folder, 'limits.cedar')).isSymbolicLink())
    } finally {
      rmSync(outside)
    }
  })
})

test('a writing that was interrupted after its journal is finished by whoever comes next', async () => {
  await withFolder(RENAME, async ({ folder, plan }) => {
    const before = textsIn(folder)
    ;(await tryMigration(plan, folder, options)).write()
    const after = textsIn(folder)
    // As it stands when the process ends between the journal and the last file.
    const copy = mkdtempSync(join(tmpdir(), 'sallyport-shop-'))
    try {
      cpSync(folder, copy, { recursive: true })
      const names = Object.keys(after).filter((name) => after[name] !== before[name])
      for (const name of names.slice(1)) {
        writeFileSync(join(copy, `${name}.sallyport-new`), after[name] ?? '')
        if (before[name] === undefined) rmSync(join(copy, name))
        else writeFileSync(join(copy, name), before[name])
      }
      writeFileSync(join(copy, '.sallyport-writing.json'), JSON.stringify({ files: names, gone: [] }))
      const copied = join(copy, 'migrations/plan.yaml')
      // It is finished first; that the plan then fits no more is another matter.
      await assert.rejects(tryMigration(copied, copy, options), /there is no type `Shop::Order`/)
      assert.deepEqual(textsIn(copy), after)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })
})

const AFTER: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FILES).map(([file, text]) => [
    file,
    text
      .replaceAll('Shop::Order', 'Shop::Purchase')
      .replaceAll(/\bOrder\b/g, 'Purchase')
      .replaceAll('Shop::Action::"view"', 'Shop::Action::"purchase:read"')
      .replaceAll('Shop::view', 'Shop::purchase:read')
      .replaceAll('action view,', 'action "purchase:read",')
      .replaceAll(/\bNote\b/g, 'Remark')
      .replaceAll('keeper]', 'curator]')
      .replaceAll(/(role: |@role\("|Role::|^ {2}(?=keeper: \{))keeper/gm, '$1curator')
      .replace('total?: Long,\n', 'amount?: Long,\n')
      .replaceAll(/total: (50|500|100)\b/g, 'amount: $1')
      .replace('has total', 'has amount')
      .replace('resource.total', 'resource.amount')
      .replace('Remark = { channel', 'Remark = { via')
      .replace('context: { channel', 'context: { way')
      .replace('context has channel && context.channel', 'context has way && context.way')
      .replace('facts: { channel', 'facts: { way'),
  ]),
)
