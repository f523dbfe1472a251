/** Something that a text asks for. */
export type Wish =
  | { readonly kind: 'list' }
  | { readonly kind: 'read'; readonly path: string }
  | { readonly kind: 'send'; readonly to: string }
  | { readonly kind: 'summarise' }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'count'; readonly to: number }

/** Everything that `text` asks for, in the order in which it stands there. The README lists the phrases. */
export function findWishes(text: string): readonly Wish[] {
  const found: { readonly at: number; readonly wish: Wish }[] = []
  for (const { pattern, toWish } of PHRASES) {
    for (const match of text.matchAll(pattern)) {
      const wish = toWish(match[1] ?? '')
      if (wish !== undefined) found.push({ at: match.index, wish })
    }
  }
  return found.sort((a, b) => a.at - b.at).map(({ wish }) => wish)
}

const LONGEST_COUNT = 10_000

const PHRASES: readonly { readonly pattern: RegExp; readonly toWish: (value: string) => Wish | undefined }[] = [
  { pattern: /\blist (?:the |my |all )?files\b/gi, toWish: () => ({ kind: 'list' }) },
  {
    pattern: /\b(?:read|open) (?:the file )?["'`]?([\w/-][\w./-]*\.\w+)/gi,
    toWish: (path) => ({ kind: 'read', path }),
  },
  {
    pattern: /\b(?:send|forward|mail|email)\b(?:[^.\n]|\.(?=\S)){0,80}?\bto ["'`<]?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/gi,
    toWish: (to) => ({ kind: 'send', to }),
  },
  {
    // a person without an address: models make one up, and so does this one
    pattern: /\b(?:send|forward|mail|email)\b(?:[^.\n]|\.(?=\S)){0,80}?\bto ([a-z]+)(?![\w.+-]*@)(?=[\s,.!]|$)/gi,
    toWish: (name) =>
      NOT_A_NAME.has(name.toLowerCase()) ? undefined : { kind: 'send', to: `${name.toLowerCase()}@example.com` },
  },
  { pattern: /\bsummar(?:y|ise|ize)\b/gi, toWish: () => ({ kind: 'summarise' }) },
  { pattern: /^\s*(?:say|answer):? (.+)$/gim, toWish: (words) => ({ kind: 'say', text: words.trim() }) },
  {
    pattern: /\bcount to (\d{1,5})\b/gi,
    toWish: (number) => ({ kind: 'count', to: Math.min(Number(number), LONGEST_COUNT) }),
  },
]

const NOT_A_NAME = new Set([
  'the',
  'a',
  'an',
  'this',
  'that',
  'my',
  'our',
  'your',
  'all',
  'everyone',
  'them',
  'him',
  'her',
  'me',
  'us',
])
