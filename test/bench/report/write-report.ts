import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { PHASES, type SizeResult } from '../results.ts';
import { cpuTableOf, sharedMachine } from './cpu-table.ts';
import { METHOD } from './method.ts';
import { plotsOf } from './plots.ts';
import { replaceBlock } from './readme-block.ts';
import { readResults } from './stored-results.ts';
import { tableOf, verdictOf } from './table.ts';

/**
 * Makes table and plots from the results in a folder, and puts the table into README.md when its path is given.
 * @returns the table; undefined when there are no results
 */
export function writeReport(folder: string, readme: string | undefined): string | undefined {
  const results = readResults(folder);
  if (results.length === 0) return undefined;
  const plots = plotsOf(results);
  for (const name of readdirSync(folder)) if (name.endsWith('.svg')) rmSync(join(folder, name));
  for (const { file, svg } of plots) writeFileSync(join(folder, file), svg);
  const table = tableOf(results);
  const text = [introOf(results), table, LEGEND].join('\n\n');
  const pictures = plots.map(({ file }) => `![${basename(file, '.svg')}](${file})`);
  const cpu = ['## Who used the CPU, of all cores', ...results.map(cpuTableOf)].join('\n\n');
  writeFileSync(
    join(folder, 'README.md'),
    `# The benchmark\n\n${text}\n\n${pictures.join('\n\n')}\n\n${cpu}\n\n${METHOD}\n`,
  );
  if (readme !== undefined) {
    const at = relative(dirname(readme), folder);
    const shown = plots.filter(({ file }) => !/\d/.test(file)).map(({ file }) => `![${file}](${at}/${file})`);
    const whole = ['## Measured', text, ...shown, `All plots: [${at}](${at}/README.md).`].join('\n\n');
    writeFileSync(readme, replaceBlock(readFileSync(readme, 'utf8'), whole));
  }
  return `${table}\n\n${introOf(results)}`;
}

const LEGEND = `✔ and ✘: an aim that is met or missed; without either there is no aim for that size. Peers: measured on the same kind of
rig at default flags, on 2026-11-21; Flagger with its shortest interval of 10 s.`;

function introOf(results: readonly SizeResult[]): string {
  const { met, judged, unmeasured } = verdictOf(results);
  const shared = sharedMachine(results);
  const machines = new Set(results.flatMap(({ measured }) => Object.values(measured).map(({ machine }) => machine)));
  return `Measured: ${versionsOf(results)}, on ${[...machines].sort().join(', ')}, where kube-apiserver and etcd of the same machine do most of the work: read the
figures as magnitudes. Writes are from the API server's audit log, times from it and the bench's clock, memory and CPU from /proc. ${met} of ${judged}
aims are met.${notRun(results)}${unmeasured === 0 ? '' : ` ${unmeasured} phases could not be measured, see below the table.`}${shared === undefined ? '' : `\n${shared}`}`;
}

/** What nobody tried is neither met nor missed. */
function notRun(results: readonly SizeResult[]): string {
  const some = results.flatMap(({ size, measured }) => {
    const phases = PHASES.filter(phase => measured[phase] === undefined);
    return phases.length === 0 ? [] : [`N = ${size}: ${phases.join(', ')}`];
  });
  return some.length === 0 ? '' : ` Not run: ${some.join('; ')}.`;
}

/** What is published together need not have been measured together. */
function versionsOf(results: readonly SizeResult[]): string {
  const measured = new Map<string, string[]>();
  for (const { size, measured: phases } of results) {
    const byVersion = Map.groupBy(Object.entries(phases), ([, { version, on }]) => `version ${version} on ${on}`);
    for (const [version, some] of byVersion) {
      const which = byVersion.size === 1 ? '' : `, ${some.map(([phase]) => phase).join(', ')}`;
      measured.set(version, [...(measured.get(version) ?? []), `N = ${size}${which}`]);
    }
  }
  return [...measured].map(([version, what]) => `${version} (${what.join('; ')})`).join('; ');
}
