import type { CanaryResult, CreateResult, SizeResult } from '../results.ts';
import { allArrived, arrivalsText, countsText, peersOf, seenText, shortNumber } from './figures.ts';
import { PEER_FIRST_WRITE, type Peer } from './peers.ts';
import type { Row } from './rows.ts';
import { within } from './rows-rest.ts';

/** Four times faster than the faster peer at 500. */
const CREATE_AIM_S = 119 / 4;
/** A pace of this times the control plane's own is as fast as it allows, given that there is a status to write as well. */
const CONTROL_RATIO = 1.25;
const OVERHEAD_AIM_S = 3;
const PHASE_TEXT = { tenth: 'N/10 at once', all: 'all at once' } as const;

/** Deliveries that go well. */
export const DELIVERY_ROWS: readonly Row[] = [
  {
    title: 'create all → all healthy',
    figure: ({ create }) => create && `${shortNumber(create.seconds)} s${ratioText(create)}`,
    aim: `${shortNumber(CREATE_AIM_S)} s at 500, or ${CONTROL_RATIO} × Deployments alone`,
    met: ({ create, size }) =>
      create &&
      ((size === 500 && create.seconds <= CREATE_AIM_S) ||
        within(create.seconds / (create.control?.createSeconds ?? 0), CONTROL_RATIO)),
    ...peersOf('createSeconds', 's'),
  },
  {
    title: 'last of all applied → all healthy',
    figure: ({ create }) => create && `${shortNumber(create.seconds - create.appliedSeconds)} s`,
  },
  {
    title: 'how busy all cores were meanwhile; with Deployments alone',
    figure: ({ create }) =>
      create?.busy === undefined ? undefined : [create.busy, create.control?.createBusy].map(shareText).join('; '),
  },
  {
    title: 'writes per creation, without events',
    figure: ({ create }) => create && shortNumber(create.writesPerRollout),
    ...peersOf('createWrites'),
  },
  {
    title: 'change → first write, p50 / p99 / max',
    figure: ({ single }) => single && seenText(single.asked, single.missed),
    aim: 'p50 10 ms, p99 20 ms at 500',
    met: ({ single, size }) => {
      if (size > 500 || single === undefined) return undefined;
      return single.missed === 0 && within(single.asked?.p50, 10) === true && within(single.asked?.p99, 20) === true;
    },
    ...firstWrites(),
  },
  {
    title: 'change → answered by the API server, p50 / p99 / max',
    figure: ({ single }) => single?.accepted && seenText(single.accepted, single.missed),
  },
  {
    title: 'change answered by the API server → first write, p50 / p99 / max',
    figure: ({ single }) => single && seenText(single.answered, single.missed),
  },
  {
    title: `N/10 canaries of 5 steps at once, 25 s of pauses`,
    figure: ({ tenth }) => tenth && durationText(tenth),
    aim: 'pauses + 3 s at 500',
    met: ({ tenth, size }) => (size <= 500 ? tenth && overheadMet(tenth) : undefined),
    ...peersOf('tenthSeconds', 's'),
  },
  {
    title: 'N/10 Deployments changed at once → all available, without Sluice',
    figure: ({ create }) => unit(number(create?.control?.tenthSeconds), 's'),
  },
  { title: 'all N canaries at once, 25 s of pauses', figure: ({ all }) => all && durationText(all) },
  ...(['tenth', 'all'] as const).flatMap(phase => canaryRows(phase)),
];

function canaryRows(phase: 'tenth' | 'all'): Row[] {
  const at = PHASE_TEXT[phase];
  const of = (result: SizeResult): CanaryResult | undefined => result[phase];
  const peers = (rows: { argo: string; flagger: string }) => (phase === 'tenth' ? rows : {});
  return [
    {
      title: `writes of such a canary, events and one per measurement apart (${at}), mean / max`,
      figure: result => countsText(of(result)?.otherWrites),
      aim: '25',
      met: result => allPromoted(of(result)) && within(of(result)?.otherWrites.max, 25),
    },
    {
      title: `writes that were refused, such as for a conflict (${at})`,
      figure: result => number(of(result)?.refusedWrites),
    },
    {
      title: `writes of such a canary, events apart (${at})`,
      figure: result => number(of(result)?.writesPerCanary),
      ...peers(peersOf('canaryWrites')),
    },
    {
      title: `events of such a canary (${at}), mean / max`,
      figure: result => countsText(of(result)?.events),
      aim: '10',
      met: result => allPromoted(of(result)) && within(of(result)?.events.max, 10),
      ...peers(peersOf('canaryEvents')),
    },
    {
      title: `events that reached the API, of those that were told (${at})`,
      figure: result => arrivalsText(of(result)?.arrivals),
      aim: 'all',
      met: result => allArrived(of(result)?.arrivals),
      ...peers(peersOf('eventsArrivedPercent', '%')),
    },
    {
      title: `writes that changed nothing (${at})`,
      figure: result => {
        const canary = of(result);
        const unexplained = canary?.unexplainedChanges ?? 0;
        return (
          canary && `${canary.wastedWrites}${unexplained > 0 ? `, ${unexplained} changes of others unexplained` : ''}`
        );
      },
      aim: '0',
      // A change that no request explains may hide a write that changed nothing.
      met: result => of(result)?.wastedWrites === 0 && of(result)?.unexplainedChanges === 0,
    },
    { title: `highest memory (${at})`, figure: result => unit(number(of(result)?.peakRssMb), 'MB') },
  ];
}

const number = (value: number | undefined) => (value === undefined ? undefined : shortNumber(value));
const unit = (text: string | undefined, of: string) => (text === undefined ? undefined : `${text} ${of}`);

const shareText = (share: number | undefined) => (share === undefined ? '–' : `${Math.round(share * 100)} %`);

function durationText({ canaries, promoted, seconds, pauseSeconds }: CanaryResult): string {
  const lost = promoted < canaries ? `, ${promoted} of ${canaries} promoted` : '';
  return `${canaries}: ${shortNumber(seconds)} s (+${shortNumber(seconds - pauseSeconds)})${lost}`;
}

/** One that was aborted is fast, and writes little. */
const allPromoted = (canary: CanaryResult | undefined) => canary?.promoted === canary?.canaries;

const overheadMet = (canary: CanaryResult) =>
  allPromoted(canary) && canary.seconds - canary.pauseSeconds <= OVERHEAD_AIM_S;

function ratioText({ seconds, control }: CreateResult): string {
  if (control === undefined) return '';
  return ` (${shortNumber(seconds / control.createSeconds)} × ${shortNumber(control.createSeconds)} s)`;
}

function firstWrites(): Record<Peer, string> {
  const text = (peer: Peer) =>
    ([100, 500] as const)
      .map(size => PEER_FIRST_WRITE[peer][size])
      .map(spread => (spread ? `${shortNumber(spread.p50 / 1000)} – ${shortNumber(spread.max / 1000)} s` : '–'))
      .join('; ');
  const ms = (peer: Peer) =>
    ([100, 500] as const)
      .map(size => PEER_FIRST_WRITE[peer][size])
      .map(spread => (spread ? `${spread.p50} – ${spread.max} ms` : '–'))
      .join('; ');
  return { argo: ms('argo'), flagger: text('flagger') };
}
