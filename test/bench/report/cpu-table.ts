import { OTHERS, type SizeResult } from '../results.ts';

/** Of all cores: below this the machine was as good as our own. */
const SHARED = 0.05;

/** A sentence when something else used the machine in a phase, since times then say little; undefined when nothing did. */
export function sharedMachine(results: readonly SizeResult[]): string | undefined {
  const shares = results.flatMap(({ marks, machine }) =>
    marks.map(({ fromS, toS, cpu }) => (cpu[OTHERS] ?? 0) / Math.max(0.1, toS - fromS) / coresOf(machine)),
  );
  const most = Math.max(0, ...shares);
  if (most < SHARED) return undefined;
  return `Other programs used up to ${Math.round(most * 100)} % of the machine meanwhile: times are worse than they would be on one of its own.`;
}

/**
 * Who used how much CPU in which phase, as a share of all cores of the time, in Markdown: it shows what the limit was. A column that is
 * full while the operator's share is small is a phase that the control plane could not do faster.
 */
export function cpuTableOf({ size, marks, machine }: SizeResult): string {
  const programs = [...new Set(marks.flatMap(({ cpu }) => Object.keys(cpu)))];
  const cores = coresOf(machine);
  const rows = marks.map(({ name, fromS, toS, cpu }) => {
    const seconds = Math.max(0.1, toS - fromS);
    const share = (used: number) => `${Math.round((used / seconds / cores) * 100)} %`;
    const all = Object.values(cpu).reduce((sum, used) => sum + used, 0);
    return [name, `${Math.round(seconds)} s`, ...programs.map(program => share(cpu[program] ?? 0)), share(all)];
  });
  const head = [`N = ${size}`, 'took', ...programs, 'together'];
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows];
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

const coresOf = (machine: string) => Number(/^\d+/.exec(machine)?.[0] ?? 1);
