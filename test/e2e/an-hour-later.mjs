// Preloaded into a Sallyport that is to believe that an hour has passed.
const HOUR = 3_600_000
const now = Date.now

Date.now = () => now() + HOUR
globalThis.Date = class extends Date {
  constructor(...args) {
    if (args.length === 0) super(now() + HOUR)
    else super(...args)
  }
}
