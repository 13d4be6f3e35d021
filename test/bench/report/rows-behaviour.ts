import type { Spread } from '../measure/statistics.ts';
import type { AbortResult, AbortResults, SizeResult } from '../results.ts';
import { peersOf, shortNumber, shortTime, spreadText } from './figures.ts';
import { PEER_ABORT, type Peer } from './peers.ts';
import type { Row } from './rows.ts';
import { within } from './rows-rest.ts';

type Scenario = 'single' | 'tenth' | 'inFlight' | 'mass';

const SCENARIOS: Readonly<Record<Scenario, string>> = {
  single: 'one bad canary at a time',
  tenth: 'N/10 bad at once',
  inFlight: 'N/10 bad, all N in flight',
  mass: 'the other 9/10 of N in flight bad, all at once',
};

/** Deliveries that go wrong, of a version or of the operator. */
export const BEHAVIOUR_ROWS: readonly Row[] = [
  stored('single', 'p50 50 ms, p99 150 ms', ({ p50, p99 }) => p50 <= 50 && p99 <= 150),
  stored('tenth', 'p50 200 ms, max 500 ms at 500', ({ p50, max }) => p50 <= 200 && max <= 500),
  stored('inFlight', 'p99 1 s', ({ p99 }) => p99 <= 1_000),
  stored('mass', 'p99 1 s', ({ p99 }) => p99 <= 1_000),
  {
    title: 'bad sample served → route at 0 %, N/10 bad at once, p50 / p99 / max',
    figure: result => spreadText(result.abort?.tenth?.served),
    argo: abortText('argo'),
    flagger: abortText('flagger'),
  },
  {
    title: 'metric turns bad → route at 0 %, N/10 bad at once, interval 2 s, p50 / p99 / max',
    figure: result => spreadText(result.abort?.tenth?.turned),
    aim: 'interval + 200 ms',
    met: ({ abort }) => within(abort?.tenth?.turned?.max, (abort?.intervalMs ?? 0) + 200),
    ...peersOf('turnedMs', 's', 1 / 1000),
  },
  {
    title: 'writes while the delay of an abort runs',
    figure: ({ abort }) =>
      abort?.quietWrites === undefined ? undefined : `${abort.quietWrites} in ${abort.quietSeconds} s`,
    aim: '0',
    met: ({ abort }) => abort?.quietWrites === 0,
    argo: '2 per s each',
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
      soak && `${shortNumber(soak.slopeMbPerHour)} MB/h over ${shortNumber(soak.hours)} h, ${soak.canaries} canaries`,
    aim: '1 MB/h',
    // The slope of a short run is that of its warming up.
    met: ({ soak }) => (soak && soak.hours >= 1 ? within(soak.slopeMbPerHour, 1) : undefined),
  },
];

function stored(scenario: Scenario, aim: string, meets: (spread: Spread) => boolean): Row {
  const of = (result: SizeResult): AbortResult | undefined => (result.abort as AbortResults | undefined)?.[scenario];
  return {
    title: `failing sample stored → route at 0 %, ${SCENARIOS[scenario]}, p50 / p99 / max`,
    figure: result => {
      const abort = of(result);
      const text = spreadText(abort?.stored);
      return text && abort && `${text} (${abort.aborted})`;
    },
    aim,
    met: result => {
      const abort = of(result);
      return abort?.stored && meets(abort.stored) && abort.missed === 0;
    },
  };
}

function abortText(peer: Peer): string {
  return ([100, 500] as const)
    .map(size => PEER_ABORT[peer][size])
    .map(spread => (spread ? `${shortTime(spread.p50)} – ${shortTime(spread.max)}` : '–'))
    .join('; ');
}
