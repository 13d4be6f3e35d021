import type { Spread } from '../measure/statistics.ts';
import type { AbortResult, SizeResult } from '../results.ts';
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

/** Deliveries that go wrong, of a version or of the operator. */
export const BEHAVIOUR_ROWS: readonly Row[] = [
  stored(SCENARIOS.single, 'p50 50 ms, p99 150 ms at 100 and 500', 500, ({ p50, p99 }) => p50 <= 50 && p99 <= 150),
  stored(SCENARIOS.tenth, 'p50 200 ms, max 500 ms at 500', 500, ({ p50, max }) => p50 <= 200 && max <= 500),
  stored(SCENARIOS.inFlight, 'p99 1 s', Infinity, ({ p99 }) => p99 <= 1_000),
  stored(SCENARIOS.rest, 'p99 1 s', Infinity, ({ p99 }) => p99 <= 1_000),
  {
    title: 'bad sample served → route at 0 %, N/10 bad at once, p50 / p99 / max',
    figure: ({ abort }) => abort && seenText(abort.tenth.served, abort.tenth.missed),
    argo: abortText('argo'),
    flagger: abortText('flagger'),
  },
  turned(SCENARIOS.single),
  { ...turned(SCENARIOS.tenth), ...peersOf('turnedMs', 's', 1 / 1000) },
  turned(SCENARIOS.inFlight),
  turned(SCENARIOS.rest),
  {
    title: 'writes while the delay of an abort runs',
    figure: ({ abort }) => abort?.quiet && `${abort.quiet.writes} in ${abort.quiet.seconds} s`,
    aim: '0',
    met: ({ abort }) => abort?.quiet?.writes === 0,
    argo: '2 per s each',
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
    aim: 'all; its lease has 15 s',
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
      `${shortNumber(soak.slopeMbPerHour)} ± ${shortNumber(soak.slopeError)} MB/h over ${shortNumber(soak.hours)} h, ${soak.promoted} promoted, ${soak.aborted} aborted`,
    aim: '1 MB/h',
    // The slope of a short run is that of its warming up.
    met: ({ soak }) => (soak && soak.hours >= 1.5 ? within(soak.slopeMbPerHour, 1) : undefined),
  },
  {
    title: 'writes of a canary whose history is full, events and one per measurement apart, mean / max',
    figure: ({ soak }) => countsText(soak?.otherWrites),
    aim: '25',
    met: ({ soak }) => within(soak?.otherWrites?.max, 25),
  },
];

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
    title: `metric turns bad → route at 0 %, ${title}, interval 2 s, p50 / p99 / max`,
    figure: result => {
      const abort = of(result);
      return abort && seenText(abort.turned, abort.missed);
    },
    aim: 'interval + 200 ms',
    met: result => {
      const abort = of(result);
      return abort && abort.missed === 0 && within(abort.turned?.max, INTERVAL_MS + 200);
    },
  };
}

function abortText(peer: Peer): string {
  return ([100, 500] as const)
    .map(size => PEER_ABORT[peer][size])
    .map(spread => (spread ? `${shortTime(spread.p50)} – ${shortTime(spread.max)}` : '–'))
    .join('; ');
}
