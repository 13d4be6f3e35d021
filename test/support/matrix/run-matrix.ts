import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCountedWrite } from '../fault-proxy/proxied-request.ts';
import { Judge } from './judge-run.ts';
import type { MatrixRig } from './matrix-rig.ts';
import type { Outcome } from './outcome.ts';
import { likenessOfWrite, type Plan } from './plan.ts';
import { runPlan } from './run-plan.ts';
import { TERMS } from './terms.ts';
import { exposureOf } from './traffic-story.ts';
import type { Workload } from './workloads.ts';

/** How a plan ended. */
export interface PlanResult {
  readonly plan: Plan;
  /** `not reached`: what the plan waits for did not come; such a run is judged like any other. */
  readonly verdict: 'passed' | 'FAILED' | 'not reached';
  readonly findings: readonly string[];
  readonly ms: number;
  /** The canary's weight over time, percent seconds. */
  readonly exposure: number;
  /** Of a run that failed: its writes, one line each. */
  readonly story?: readonly string[];
}

/** Runs told at once. More than the cores, since a run mostly waits. */
const LANES = Number(process.env['SLUICE_MATRIX_LANES'] ?? 6);
const REPORTS = join(import.meta.dirname, '../../../tmp');
/** Plans, or all of a story or a variant of it: `promote:applied:7`, `promote:applied:`, `promote:`; commas between them. */
const ONLY = (process.env['SLUICE_MATRIX'] ?? '').split(',');

/** Whether a plan is asked for, or one that begins so. */
export function isAskedFor(id: string): boolean {
  return ONLY.some(
    only =>
      only === '' ||
      (only.endsWith(':') ? id.startsWith(only) || only.startsWith(id) : `${only}:`.startsWith(`${id}:`)),
  );
}

/** A story that was told, under a plan or without faults. */
interface Told {
  readonly plan: Plan | undefined;
  readonly run: Outcome;
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
    for (const run of this.#references) this.#demandGood(run);
    const { unexplained } = this.#judge;
    if (unexplained.length > 0)
      throw new Error(`runs of ${this.workload.name} without faults disagree on:\n${unexplained.join('\n')}`);
    return this.#references;
  }

  /** Runs the plans that are asked for, several at once, and reports. */
  async run(name: string, all: readonly Plan[]): Promise<readonly PlanResult[]> {
    const plans = all.filter(({ id }) => isAskedFor(id));
    if (plans.length === 0) return [];
    const began = performance.now();
    const told: Told[] = [];
    // Two without faults among them show how fast the machine is now.
    const controls = plans.length < LANES ? [] : [undefined];
    const half = plans.length >> 1;
    const queue = [...controls, ...plans.slice(0, half), ...controls, ...plans.slice(half)].values();
    const lane = async () => {
      for (const plan of queue) {
        const run = await this.#tell(plan);
        told.push({ plan, run });
        const at = Math.round((performance.now() - began) / 1000);
        const what = plan
          ? `${plan.id} ${this.#judged(plan, run).verdict} in ${run.ms} ms: ${plan.what}`
          : 'a run without faults';
        console.log(`${at} s ${told.length}/${plans.length + 2 * controls.length} ${what}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    for (const { plan, run } of told) if (!plan) this.#judge?.pace(run);
    const results = told.flatMap(({ plan, run }) => (plan ? [this.#judged(plan, run, true)] : []));
    report(name, results, performance.now() - began, this.#judge?.masked ?? []);
    return results;
  }

  /** @throws when a run without faults has findings */
  async #tell(plan: Plan | undefined): Promise<Outcome> {
    const tell = () =>
      runPlan(this.#rig, this.workload, this.#namespace(), {
        plan,
        isEnd: state => this.#judge?.isEnd(state) ?? true,
      });
    const run = await tell();
    if (!plan) this.#demandGood(run);
    // What a plan waits for may not come in a run that goes another way, and come in the next.
    const again = plan && !plan.isUnsure && this.#judged(plan, run).verdict === 'not reached';
    return again ? await tell() : run;
  }

  #demandGood(run: Outcome): void {
    const findings = this.#judge?.findings(run) ?? [];
    if (findings.length > 0) throw new Error(`a run of ${this.workload.name} without faults:\n${findings.join('\n')}`);
  }

  /** @param isOver all runs are told, so that how slow they all were is known */
  #judged(plan: Plan, run: Outcome, isOver = false): PlanResult {
    const terms = TERMS[plan.variant];
    const late = isOver && run.stuck === undefined ? this.#judge?.late(run, terms) : [];
    const findings = [...(this.#judge?.findings(run, terms) ?? []), ...(late ?? [])];
    const verdict = findings.length > 0 ? 'FAILED' : run.struck ? 'passed' : 'not reached';
    const exposure = Math.round(exposureOf(run.traffic) / 1_000);
    return { plan, verdict, findings, ms: run.ms, exposure, ...(findings.length > 0 && { story: storyOf(run) }) };
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

function report(name: string, results: readonly PlanResult[], ms: number, masked: readonly string[]): void {
  const variants = [...new Set(results.map(({ plan }) => plan.variant))];
  const rows = variants.map(variant => {
    const those = results.filter(({ plan }) => plan.variant === variant);
    const count = (verdict: string) => those.filter(result => result.verdict === verdict).length;
    const unsure = those.filter(({ plan, verdict }) => plan.isUnsure && verdict === 'not reached').length;
    return {
      variant,
      passed: count('passed'),
      failed: count('FAILED'),
      'not reached': count('not reached') - unsure,
      'unsure, not reached': unsure,
    };
  });
  console.log(`${name}: ${results.length} plans in ${Math.round(ms / 1000)} s`);
  console.table(rows);
  mkdirSync(REPORTS, { recursive: true });
  writeFileSync(
    join(REPORTS, `matrix-${name}.json`),
    `${JSON.stringify({ name, ms: Math.round(ms), masked, rows, results }, null, 1)}\n`,
  );
}
