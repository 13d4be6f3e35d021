import type { Spread } from '../measure/statistics.ts';
import { type AbortResult, COSTED, PHASES, type QuietResult, type SizeResult, type WastedResult } from '../results.ts';
import { INTERVAL_MS } from '../world/fleet.ts';
import { allArrived, arrivalsText, countsText, peersOf, seenText, shortNumber, shortTime } from './figures.ts';
import { PEER_ABORT, type Peer } from './peers.ts';
import type { Row } from './rows.ts';
import { within } from './rows-rest.ts';

interface Scenario {
  readonly title: string;
  readonly of: (result: SizeResult) => AbortResult | undefined;
}

/** The four ways in which the bench aborts. */
export const SCENARIOS = {
  single: { title: 'one bad canary at a time', of: ({ abort }) => abort?.single },
  tenth: { title: 'N/10 bad at once', of: ({ abort }) => abort?.tenth },
  inFlight: { title: 'N/10 bad, all N in flight', of: ({ mass }) => mass?.inFlight },
  rest: { title: 'the other 9/10 of N in flight bad, all at once', of: ({ mass }) => mass?.rest },
} as const satisfies Record<string, Scenario>;

/** Before that, history is not full. */
const LONG_H = 2;

/** Deliveries that go wrong, of a version or of the operator. */
export const BEHAVIOUR_ROWS: readonly Row[] = [
  stored(SCENARIOS.single, 'p50 50 ms, p99 150 ms at 100 and 500', 500, ({ p50, p99 }) => p50 <= 50 && p99 <= 150),
  stored(SCENARIOS.tenth, 'p50 200 ms, max 500 ms at 500', 500, ({ p50, max }) => p50 <= 200 && max <= 500),
  stored(SCENARIOS.inFlight, 'p99 1 s', Infinity, ({ p99 }) => p99 <= 1_000),
  stored(SCENARIOS.rest, 'p99 1 s', Infinity, ({ p99 }) => p99 <= 1_000),
  { ...served(SCENARIOS.tenth), argo: abortText('argo'), flagger: abortText('flagger') },
  served(SCENARIOS.inFlight),
  served(SCENARIOS.rest),
  turned(SCENARIOS.single),
  { ...turned(SCENARIOS.tenth), ...peersOf('turnedMs', 's', 1 / 1000) },
  turned(SCENARIOS.inFlight),
  turned(SCENARIOS.rest),
  { ...quiet(SCENARIOS.single, ({ abort }) => abort?.quietSingle), argo: '2 per s each' },
  quiet(SCENARIOS.tenth, ({ abort }) => abort?.quiet),
  {
    title: 'writes that changed nothing (other phases)',
    figure: ({ wasted = {} }) => {
      const { count, unexplained } = wastedOf(wasted);
      const what = `${count}${unexplained > 0 ? `, ${unexplained} changes of others unexplained` : ''}`;
      const phases = PHASES.filter(phase => wasted[phase] !== undefined);
      return phases.length === 0 ? undefined : `${what} (${phases.join(', ')})`;
    },
    aim: '0',
    met: ({ wasted = {} }) => wastedOf(wasted).count === 0 && wastedOf(wasted).unexplained === 0,
  },
  {
    title: 'events that reached the API, of those that were told (all N in flight aborted)',
    figure: ({ mass }) => arrivalsText(mass?.arrivals),
    aim: 'all',
    met: ({ mass }) => allArrived(mass?.arrivals),
  },
  {
    title: 'operator killed amid N/10 canaries: promoted; leading again',
    figure: ({ restart }) =>
      restart && `${restart.promoted} of ${restart.canaries}; ${shortNumber(restart.toLeadingSeconds)} s`,
    aim: 'all',
    met: ({ restart }) => restart && restart.promoted === restart.canaries,
  },
  {
    title: 'times that the operator ended by itself',
    figure: ({ operatorEnds, create }) => (create === undefined ? undefined : String(operatorEnds)),
    aim: '0',
    met: ({ operatorEnds }) => operatorEnds === 0,
  },
  {
    title: 'growth of memory under load',
    figure: ({ soak }) =>
      soak &&
      `${shortNumber(soak.slopeMbPerHour)} ± ${shortNumber(soak.slopeError)} MB/h over ${shortNumber(soak.hours)} h, ${soak.promoted} of ${soak.changed} promoted, ${soak.aborted} aborted`,
    aim: '1 MB/h, twice the standard error added',
    // The slope of a short run is that of its warming up.
    met: ({ soak }) =>
      soak && soak.hours >= LONG_H ? within(soak.slopeMbPerHour + 2 * soak.slopeError, 1) : undefined,
  },
  {
    title: 'writes of a canary whose history is full, events and one per measurement apart, mean / max',
    figure: ({ soak }) =>
      soak?.otherWrites &&
      `${countsText(soak.otherWrites)}${soak.otherCanaries === undefined ? '' : ` (${soak.otherCanaries})`}`,
    aim: '25',
    met: ({ soak }) => within(soak?.otherWrites?.max, 25),
  },
  {
    title: `CPU of kube-apiserver for one write: ${COSTED.join(', ')}`,
    figure: ({ costs }) => costs && `${COSTED.map(what => shortNumber(costs[what])).join(', ')} ms`,
  },
];

/** Of the wasted writes of all phases that were looked at. */
function wastedOf(wasted: NonNullable<SizeResult['wasted']>): WastedResult {
  const phases = Object.values(wasted);
  const sum = (of: 'count' | 'unexplained') => phases.reduce((total, phase) => total + phase[of], 0);
  return { count: sum('count'), unexplained: sum('unexplained') };
}

/** From the answer with the bad sample on: the wait for its being judged and stored is in it. */
function served({ title, of }: Scenario): Row {
  return {
    title: `bad sample served → route at 0 %, ${title}, p50 / p99 / max`,
    figure: result => {
      const abort = of(result);
      return abort && seenText(abort.served, abort.missed);
    },
  };
}

function quiet({ title }: Scenario, of: (result: SizeResult) => QuietResult | undefined): Row {
  return {
    title: `writes while the delay of an abort runs, ${title}`,
    figure: result => {
      const seen = of(result);
      return seen && (seen.seconds > 0 ? `${seen.writes} in ${seen.seconds} s` : 'no time to see any');
    },
    aim: '0',
    met: result => {
      const seen = of(result);
      return seen && seen.seconds > 0 && seen.writes === 0;
    },
  };
}

/** @param until the largest size that the aim is for */
function stored({ title, of }: Scenario, aim: string, until: number, meets: (spread: Spread) => boolean): Row {
  return {
    title: `failing sample stored → route at 0 %, ${title}, p50 / p99 / max`,
    figure: result => {
      const abort = of(result);
      return abort && `${seenText(abort.stored, abort.missed)} (${abort.aborted})`;
    },
    aim,
    met: result => {
      const abort = of(result);
      if (abort === undefined || result.size > until) return undefined;
      return abort.missed === 0 && abort.stored !== undefined && meets(abort.stored);
    },
  };
}

/** What users feel: from the metric's turn on, the waits for the next measurement and for its being stored are in it. */
function turned({ title, of }: Scenario): Row {
  return {
    title: `metric turns bad → route at 0 %, ${title}, interval 2 s, p50 / p99 / max; had it turned just after a measurement`,
    figure: result => {
      const abort = of(result);
      return abort && `${seenText(abort.turned, abort.missed)}; ${shortTime(worstOf(abort))}`;
    },
    aim: 'interval + 200 ms, whenever it turns',
    met: result => {
      const abort = of(result);
      return abort && abort.missed === 0 && within(worstOf(abort), INTERVAL_MS + 200);
    },
  };
}

/** Those that turn at once are measured at once: the moment of their turn is chance, and says little about another one. */
function worstOf({ turned: seen, served: judged }: AbortResult): number {
  return Math.max(seen?.max ?? Number.NaN, INTERVAL_MS + (judged?.max ?? Number.NaN));
}

function abortText(peer: Peer): string {
  return ([100, 500] as const)
    .map(size => PEER_ABORT[peer][size])
    .map(spread => (spread ? `${shortTime(spread.p50)} – ${shortTime(spread.max)}` : '–'))
    .join('; ');
}
