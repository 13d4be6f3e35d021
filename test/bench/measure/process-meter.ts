import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Clock ticks per second of /proc, the same on every Linux of today. */
const TICKS = 100;

/** Resident memory of a process, MB of 1024 × 1024 bytes; undefined once it is gone. */
export function residentMb(pid: number): number | undefined {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status') ?? '');
  return line === null ? undefined : Math.round((Number(line[1]) / 1024) * 10) / 10;
}

/** User and system time that a process has used, seconds; undefined once it is gone. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything, blanks too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** CPU seconds that the whole machine has been busy since it was started, all cores together. */
export function busySeconds(): number {
  const first = /^cpu +(.+)$/m.exec(readProc('', 'stat') ?? '')?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, _idle = 0, _iowait = 0, irq = 0, softirq = 0] = first.split(' ').map(Number);
  return (user + nice + system + irq + softirq) / TICKS;
}

/** From now on, how busy all cores were until the returned function is called, 0 to 1. */
export function startBusyMeter(): () => number {
  const begun = { ms: performance.now(), busy: busySeconds() };
  return () => {
    const seconds = ((performance.now() - begun.ms) / 1000) * availableParallelism();
    return Math.min(1, Math.round(((busySeconds() - begun.busy) / seconds) * 1000) / 1000);
  };
}

function readProc(pid: number | '', file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
