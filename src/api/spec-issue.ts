import type { ZodError } from 'zod';

/** What is wrong with one place of a spec: `spec.metrics[0].interval: Invalid input`. At most 300 characters. */
export function specIssue({ path, message }: ZodError['issues'][number]): string {
  const where = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `spec${where}: ${message}`.slice(0, 300);
}

/** What is wrong with a spec first of all. */
export function firstIssue({ issues: [issue] }: ZodError): string {
  return issue ? specIssue(issue) : 'spec: invalid';
}
