/**
 * Longest wait for a write, in milliseconds: less than the transport's, because a pass that hangs holds up the Rollout;
 * more than the 10 s that the API server gives an admission webhook by default, or one that hangs and may be ignored
 * would still keep every write from ever arriving.
 */
export const WRITE = { timeoutMs: 15_000 } as const;
