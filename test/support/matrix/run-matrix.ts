import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCountedWrite } from '../fault-proxy/proxied-request.ts';
import { Judge } from './judge-run.ts';
import type { MatrixRig } from './matrix-rig.ts';
import { likenessOfWrite, type Plan } from './plan.ts';
import { type Outcome, runPlan } from './run-plan.ts';
import type { Workload } from './workloads.ts';

/** How a plan ended. */
export interface PlanResult {
  readonly plan: Plan;
  /** `not reached`: what the plan waits for did not come; such a run is judged like any other. */
  readonly verdict: 'passed' | 'FAILED' | 'not reached';
  readonly findings: readonly string[];
  readonly ms: number;
  /** Of a run that failed: its writes, one line each. */
  readonly story?: readonly string[];
}

/** Runs told at once. More than the cores, since a run mostly waits. */
const LANES = Number(process.env['SLUICE_MATRIX_LANES'] ?? 6);
const REPORTS = join(import.meta.dirname, '../../../tmp');
/** One plan, or all of a story or a variant of it: `promote:applied:7`, `promote:applied:`, `promote:`. */
const ONLY = process.env['SLUICE_MATRIX'] ?? '';

/** Whether a plan is asked for, or one that begins so. */
export function isAskedFor(id: string): boolean {
  return (
    ONLY === '' || (ONLY.endsWith(':') ? id.startsWith(ONLY) || ONLY.startsWith(id) : `${ONLY}:`.startsWith(`${id}:`))
  );
}

let runs = 0;

/** Tells a story without faults, learns plans from it, and runs all of them. */
export class Matrix {
  readonly #rig: MatrixRig;
  readonly workload: Workload;
  #references: Outcome[] = [];
  #judge: Judge | undefined;

  constructor(rig: MatrixRig, workload: Workload) {
    this.#rig = rig;
    this.workload = workload;
  }

  /** Two fault-free runs, which must agree with each other in all that matters. */
  async learn(): Promise<readonly Outcome[]> {
    if (this.#references.length > 0) return this.#references;
    const tell = () => runPlan(this.#rig, this.workload, this.#namespace());
    this.#references = await Promise.all([tell(), tell()]);
    this.#judge = new Judge(this.workload, this.#references);
    const [first, second] = this.#references;
    for (const run of [first, second]) {
      const findings = run ? this.#judge.findings(run) : [];
      if (findings.length > 0)
        throw new Error(`a run of ${this.workload.name} without faults:\n${findings.join('\n')}`);
    }
    return this.#references;
  }

  /** Runs the plans that are asked for, several at once, and reports. */
  async run(name: string, all: readonly Plan[]): Promise<readonly PlanResult[]> {
    const plans = all.filter(({ id }) => isAskedFor(id));
    if (plans.length === 0) return [];
    const began = performance.now();
    const results: PlanResult[] = [];
    const queue = plans.values();
    const lane = async () => {
      for (const plan of queue) {
        const result = await this.#one(plan);
        results.push(result);
        const at = Math.round((performance.now() - began) / 1000);
        console.log(
          `${at} s ${results.length}/${plans.length} ${plan.id} ${result.verdict} in ${result.ms} ms: ${plan.what}`,
        );
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    report(name, results, performance.now() - began);
    return results;
  }

  async #one(plan: Plan): Promise<PlanResult> {
    const run = await runPlan(this.#rig, this.workload, this.#namespace(), plan);
    const findings = this.#judge?.findings(run) ?? [];
    const verdict = findings.length > 0 ? 'FAILED' : run.struck ? 'passed' : 'not reached';
    return { plan, verdict, findings, ms: run.ms, ...(findings.length > 0 && { story: storyOf(run) }) };
  }

  #namespace(): string {
    runs += 1;
    return `${this.workload.name}-${runs}`;
  }
}

/** What failed, for a person. */
export function failuresOf(results: readonly PlanResult[]): string[] {
  return results
    .filter(({ verdict }) => verdict === 'FAILED')
    .map(({ plan, findings }) => `${plan.id} (${plan.what})\n  ${findings.slice(0, 12).join('\n  ')}`);
}

function storyOf({ trace, from }: Outcome): string[] {
  const entries = trace.entries.filter(({ request, fault }) => isCountedWrite(request) || fault !== undefined);
  const began = trace.entries[from.request]?.request.at ?? 0;
  return entries
    .filter(({ request }) => request.index >= from.request)
    .map(({ request, status, changed, fault }) => {
      const at = `${Math.round(request.at - began)} ms`;
      const body = isCountedWrite(request) ? JSON.stringify(request.body)?.slice(0, 400) : '';
      return `${at} ${likenessOfWrite(request)} ${status ?? '-'}${changed === false ? ' unchanged' : ''} ${fault ?? ''} ${body}`;
    });
}

function report(name: string, results: readonly PlanResult[], ms: number): void {
  const variants = [...new Set(results.map(({ plan }) => plan.variant))];
  const count = (variant: string, verdict: string) =>
    results.filter(({ plan, ...result }) => plan.variant === variant && result.verdict === verdict).length;
  const rows = variants.map(variant => ({
    variant,
    passed: count(variant, 'passed'),
    failed: count(variant, 'FAILED'),
    'not reached': count(variant, 'not reached'),
  }));
  console.log(`${name}: ${results.length} plans in ${Math.round(ms / 1000)} s`);
  console.table(rows);
  mkdirSync(REPORTS, { recursive: true });
  writeFileSync(
    join(REPORTS, `matrix-${name}.json`),
    `${JSON.stringify({ name, ms: Math.round(ms), rows, results }, null, 1)}\n`,
  );
}
