/** What decisions see of approvals: memory, and nothing that waits. */
export interface ApprovalLook {
  /**
   * What there is for this digest at `now` (milliseconds since the epoch): an approval that holds, a request that waits
   * for somebody, or one that was refused and does not come back before it would have expired.
   */
  find(
    digest: string,
    now: number,
  ): { readonly state: 'approved' | 'pending' | 'denied'; readonly id: string } | undefined
}
