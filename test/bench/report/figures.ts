import type { Spread } from '../measure/statistics.ts';
import type { Arrivals, Counts } from '../results.ts';
import { PEERS, type PeerFigure } from './peers.ts';

/** A number with as many digits as say something. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '?';
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** Milliseconds as people read them: `12 ms`, `1.2 s`. */
export function shortTime(ms: number): string {
  return Math.abs(ms) < 1000 ? `${shortNumber(ms)} ms` : `${shortNumber(ms / 1000)} s`;
}

/** `12 / 40 / 55 ms` of p50, p99 and the greatest. */
export function spreadText(spread: Spread | undefined): string | undefined {
  if (spread === undefined) return undefined;
  const values = [spread.p50, spread.p99, spread.max];
  const inSeconds = spread.max >= 1000;
  return `${values.map(value => shortNumber(inSeconds ? value / 1000 : value)).join(' / ')} ${inSeconds ? 's' : 'ms'}`;
}

/** A spread and, where not all were seen, how many were. */
export function seenText(spread: Spread | undefined, missed: number): string {
  const seen = spread?.count ?? 0;
  const of = missed > 0 ? `${seen} of ${seen + missed} seen` : undefined;
  return [spreadText(spread), of].filter(text => text !== undefined).join(', ');
}

/** `23 / 25` of the mean and the greatest. */
export function countsText(counts: Counts | undefined): string | undefined {
  return counts && `${shortNumber(counts.mean)} / ${shortNumber(counts.max)}`;
}

/** `80 of 80` of the events that were told, and what could hide a loss. */
export function arrivalsText(arrivals: Arrivals | undefined): string | undefined {
  if (arrivals === undefined) return undefined;
  const { told, lost, surplus } = arrivals;
  return `${told - lost} of ${told}${surplus > 0 ? `, ${surplus} writes more` : ''}`;
}

/** Whether all events that were told arrived; that none was told means that nobody looked, and one too many may hide a loss. */
export function allArrived(arrivals: Arrivals | undefined): boolean | undefined {
  return arrivals && arrivals.told > 0 && arrivals.lost === 0 && arrivals.surplus === 0;
}

/** A peer's figures at 100 and 500, `95 / 153`. */
export function peerText(figure: PeerFigure, unit = '', scale = 1): string {
  const values = [figure[100], figure[500]];
  const known = values.map(value => (value === undefined ? '–' : shortNumber(value * scale)));
  return `${known.join(' / ')}${unit === '' ? '' : ` ${unit}`}`;
}

/** Both peers' columns for one figure. */
export function peersOf(figure: keyof typeof PEERS, unit = '', scale = 1): { argo: string; flagger: string } {
  const { argo, flagger } = PEERS[figure];
  const text = (value: PeerFigure | number) =>
    typeof value === 'number' ? `${shortNumber(value * scale)} ${unit}`.trim() : peerText(value, unit, scale);
  return { argo: text(argo), flagger: text(flagger) };
}
