/** Whether a part of the rig can run on this machine; `why` says what is missing and how to provide it. */
export type Availability = { readonly available: true } | { readonly available: false; readonly why: string };

/**
 * Whether a suite that needs the part should be skipped. A missing tool is a loud skip on a developer's machine and a
 * failure in CI (`CI=true`): a suite that silently never runs there proves nothing.
 */
export function skipUnless(part: Availability): boolean {
  if (part.available) return false;
  if (process.env.CI === 'true') throw new Error(part.why);
  console.warn(`SKIPPED: ${part.why}`);
  return true;
}
