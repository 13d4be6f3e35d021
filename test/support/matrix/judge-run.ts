import { differences, type EndState, maskOf } from './end-state.ts';
import type { Outcome } from './outcome.ts';
import type { Terms } from './terms.ts';
import { type Dwell, exposureOf, withoutDips } from './traffic-story.ts';
import type { Workload } from './workloads.ts';

/** Times in a status are whole milliseconds. */
const ROUNDING_MS = 2;

/** What runs without faults may disagree on, and nothing else: paths of the end state, and deeds. */
const MAY_DIFFER: readonly RegExp[] = [];

/** What fault-free runs have in common; every other run is held against it. */
export class Judge {
  readonly #references: readonly Outcome[];
  readonly #mask: ReadonlySet<string>;
  readonly #deedMask: ReadonlySet<string>;
  readonly #workload: Workload;
  /** Exposures without faults; those of the matrix under way included. */
  readonly #exposures: number[];

  constructor(workload: Workload, references: readonly Outcome[]) {
    this.#workload = workload;
    this.#references = references;
    this.#exposures = references.map(({ traffic }) => exposureOf(traffic));
    this.#mask = maskOf(references.map(({ endState }) => endState));
    this.#deedMask = maskOf(references.map(({ deeds }) => deeds));
  }

  /** Paths of the end state that fault-free runs do not agree on, and are not looked at. */
  get masked(): readonly string[] {
    return [...this.#mask, ...this.#deedMask];
  }

  /** What fault-free runs disagree on although nothing allows it: a bug that shows without faults, or a new habit. */
  get unexplained(): readonly string[] {
    return this.masked.filter(path => !MAY_DIFFER.some(allowed => allowed.test(path)));
  }

  /** Whether an end state is that of a run without faults. */
  isEnd(state: EndState): boolean {
    const [reference] = this.#references;
    return reference === undefined || differences(reference.endState, state, this.#mask).length === 0;
  }

  /** What is wrong with a run, one line each; nothing: it converged and did no harm on the way. */
  findings(run: Outcome, terms: Terms = {}): string[] {
    const [reference] = this.#references;
    if (!reference) throw new Error('there is no fault-free run to compare with');
    if (run.stuck !== undefined) return [`stuck: ${run.stuck}`];
    const { dwells, dips } = judgedBy(terms, run);
    return [
      ...(run.died ? ['the operator ended by itself'] : []),
      ...differences(reference.endState, run.endState, this.#mask)
        .filter(line => !isOfDips(line, dips))
        .map(line => `end state: ${line}`),
      ...differences(reference.deeds, run.deeds, this.#deedMask).map(line => `done: ${line}`),
      ...run.traffic.voids.map(line => `traffic: ${line}`),
      ...this.#weights(dwells, reference),
      ...this.#events(run, terms, dips),
    ];
  }

  /**
   * An operator that dies may take an event with it or tell it a second time, so one too many is no finding. More than that
   * is a loop. One that lives loses nothing; of a Rollout that is gone in the end nothing more need be told.
   */
  #events(run: Outcome, { tellsAll = false }: Terms, dips: number): string[] {
    const isGone = !Object.keys(run.endState).some(path => path.startsWith('rollouts/'));
    const reasons = new Set([run, ...this.#references].flatMap(({ events }) => Object.keys(events)));
    return [...reasons].flatMap(reason => {
      const counts = this.#references.map(({ events }) => events[reason] ?? 0);
      const [least, most, count] = [Math.min(...counts), Math.max(...counts), run.events[reason] ?? 0];
      const isMissing = tellsAll && !isGone && count < least;
      const isWrong = count > most + 1 + (reason === 'WeightChanged' ? 2 * dips : 0) || isMissing;
      return isWrong ? [`events: ${reason} was told ${count} times (fault-free: ${counts.join(' and ')})`] : [];
    });
  }

  #weights(dwells: readonly Dwell[], { traffic: usual }: Outcome): string[] {
    const found: string[] = [];
    const path = (all: readonly Dwell[]) => all.map(({ weight }) => weight).join(' ');
    if (path(dwells) !== path(usual.dwells)) found.push(`weights: ${path(dwells)} (fault-free: ${path(usual.dwells)})`);
    for (const { weight, mostMs } of dwells) {
      const least = this.#workload.leastDwellMs[weight];
      if (least !== undefined && mostMs < least - ROUNDING_MS)
        found.push(`weights: at most ${mostMs} ms at ${weight}, ${least} ms are declared`);
    }
    return found;
  }

  /** Takes the pace of one more run without faults, which was told beside those with faults: they are as slow as it was. */
  pace(run: Outcome): void {
    this.#exposures.push(exposureOf(run.traffic));
  }

  /** What is wrong with how long the weights of a run lasted. */
  late(run: Outcome, terms: Terms): string[] {
    const { lateMs } = terms;
    const { awayMs = 0 } = run;
    if (lateMs === undefined) return [];
    const weights = this.#references.flatMap(({ traffic: { dwells } }) =>
      dwells.slice(0, -1).map(({ weight }) => weight),
    );
    const usual = Math.max(...this.#exposures);
    const most = 2 * usual + Math.max(0, ...weights) * (lateMs + awayMs);
    const exposure = exposureOf(judgedBy(terms, run));
    const seconds = (value: number) => Math.round(value / 1_000);
    return exposure > most
      ? [`weights: ${seconds(exposure)} percent seconds (fault-free: ${seconds(usual)}, allowed: ${seconds(most)})`]
      : [];
  }
}

/** The weights of a run as its terms see them. */
function judgedBy({ mayDip = false }: Terms, { traffic: { dwells } }: Outcome): ReturnType<typeof withoutDips> {
  return mayDip ? withoutDips(dwells) : { dwells, dips: 0 };
}

/** A route counts its changes, and its gateway the last one it took up: two for each dip, or one where the next weight came instead. */
function isOfDips(line: string, dips: number): boolean {
  const counts = /^httproutes\/\S+eneration: (\d+) \(fault-free: (\d+)\)$/.exec(line);
  const more = Number(counts?.[1]) - Number(counts?.[2]);
  return dips > 0 && more >= dips && more <= 2 * dips;
}
