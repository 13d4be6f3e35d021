import { readFileSync } from 'node:fs';
import type { AuditEntry } from '../support/control-plane/audit-log.ts';

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

/** User and system time of a process, milliseconds. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** "p50 12, p99 40, max 55" of milliseconds; "none" of nothing. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return 'none';
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (${sorted.length})`;
}

/** How often each resource was written, most first, per Rollout. */
export function perResource(entries: readonly AuditEntry[], rollouts: number): string {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    const key = `${entry.verb} ${entry.resource}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => `${key} ${(count / rollouts).toFixed(1)}`);
  return `${(entries.length / rollouts).toFixed(1)} in all: ${rows.join(', ')}`;
}
