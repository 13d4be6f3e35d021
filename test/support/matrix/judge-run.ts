import { differences, maskOf } from './end-state.ts';
import type { Outcome } from './run-plan.ts';
import type { Workload } from './workloads.ts';

/** How much shorter than declared a pause may look from outside: what is heard of may be heard late. */
const DWELL_TOLERANCE_MS = 150;

/** What fault-free runs have in common; every other run is held against it. */
export class Judge {
  readonly #references: readonly Outcome[];
  readonly #mask: ReadonlySet<string>;
  readonly #deedMask: ReadonlySet<string>;
  readonly #workload: Workload;

  constructor(workload: Workload, references: readonly Outcome[]) {
    this.#workload = workload;
    this.#references = references;
    this.#mask = maskOf(references.map(({ endState }) => endState));
    this.#deedMask = maskOf(references.map(({ deeds }) => deeds));
  }

  /** Paths of the end state that fault-free runs do not agree on, and are not looked at. */
  get masked(): readonly string[] {
    return [...this.#mask, ...this.#deedMask];
  }

  /** What is wrong with a run, one line each; nothing: it converged and did no harm on the way. */
  findings(run: Outcome): string[] {
    const [reference] = this.#references;
    if (!reference) throw new Error('there is no fault-free run to compare with');
    if (run.stuck !== undefined) return [`stuck: ${run.stuck}`];
    return [
      ...(run.died ? ['the operator ended by itself'] : []),
      ...differences(reference.endState, run.endState, this.#mask).map(line => `end state: ${line}`),
      ...differences(reference.deeds, run.deeds, this.#deedMask).map(line => `done: ${line}`),
      ...run.traffic.voids.map(line => `traffic: ${line}`),
      ...this.#weights(run, reference),
      ...this.#events(run),
    ];
  }

  /**
   * An operator that dies may take an event with it or tell it a second time, so one too many is no finding. More than that
   * is a loop.
   */
  #events(run: Outcome): string[] {
    return Object.entries(run.events).flatMap(([reason, count]) => {
      const most = Math.max(...this.#references.map(({ events }) => events[reason] ?? 0));
      return count > most + 1 ? [`events: ${reason} was told ${count} times (fault-free: ${most})`] : [];
    });
  }

  #weights(run: Outcome, reference: Outcome): string[] {
    const found: string[] = [];
    const path = (outcome: Outcome) => outcome.traffic.dwells.map(({ weight }) => weight).join(' ');
    if (path(run) !== path(reference)) found.push(`weights: ${path(run)} (fault-free: ${path(reference)})`);
    for (const { weight, ms } of run.traffic.dwells) {
      const least = this.#workload.leastDwellMs[weight];
      if (least !== undefined && ms < least - DWELL_TOLERANCE_MS)
        found.push(`weights: only ${ms} ms at ${weight}, ${least} ms are declared`);
    }
    return found;
  }
}
