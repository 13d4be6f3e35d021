import type { Request } from './audit-record.ts';
import { countBy } from './count-by.ts';

/** How often each kind of request (`patch rollouts/status`) came, most first, divided among so many Rollouts. */
export function byKind(requests: readonly Request[], rollouts: number): Record<string, number> {
  const counts = countBy(requests, ({ verb, resource }) => `${verb} ${resource}`);
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  return Object.fromEntries(rows.map(([kind, count]) => [kind, Math.round((count / rollouts) * 100) / 100]));
}
