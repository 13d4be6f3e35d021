import type { Trace } from '../fault-proxy/trace.ts';

/** How often each reason was told, from one request on; a repetition, which only raises a count, has its event's reason. */
export function toldEvents(trace: Trace, from: number): Readonly<Record<string, number>> {
  const reasons = new Map<string, string>();
  const counts: Record<string, number> = {};
  for (const { request, changed } of trace.entries) {
    if (request.plural !== 'events' || changed !== true || request.name === undefined) continue;
    const { reason = reasons.get(request.name) ?? 'a repetition' } = (request.body ?? {}) as { reason?: string };
    reasons.set(request.name, reason);
    if (request.index >= from) counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
