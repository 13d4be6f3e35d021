import type { SizeResult } from '../results.ts';
import { BEHAVIOUR_ROWS } from './rows-behaviour.ts';
import { DELIVERY_ROWS } from './rows-delivery.ts';
import { REST_ROWS } from './rows-rest.ts';

/** One line of the table: a figure, what it shall be, and what peers have. */
export interface Row {
  readonly title: string;
  /** Figures of one size, as text; undefined where it was not measured. */
  readonly figure: (result: SizeResult) => string | undefined;
  /** What it shall be, for people. */
  readonly aim?: string;
  /** Whether the aim is met; undefined where there is none for this size. Never called without a figure. */
  readonly met?: (result: SizeResult) => boolean | undefined;
  /** Figures of peers, as text. */
  readonly argo?: string;
  readonly flagger?: string;
}

export const ROWS: readonly Row[] = [...REST_ROWS, ...DELIVERY_ROWS, ...BEHAVIOUR_ROWS];
