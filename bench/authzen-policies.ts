/** Policies that both decision points have. */
export const POLICIES = 1000
/** Users, each in a group of its own, and models. */
export const SUBJECTS = 100
