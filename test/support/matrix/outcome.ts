import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { Trace } from '../fault-proxy/trace.ts';
import { type Deeds, deedsOf, eventsTold } from './deeds.ts';
import { type EndState, endStateOf } from './end-state.ts';
import type { Stage } from './stage.ts';
import { type Traffic, trafficOf } from './traffic-story.ts';

/** How one run went. */
export interface Outcome extends Ending {
  readonly endState: EndState;
  readonly deeds: Deeds;
  readonly traffic: Traffic;
  /** Events by reason, those of the prelude included. */
  readonly events: Readonly<Record<string, number>>;
  readonly trace: Trace;
  readonly ms: number;
}

/** What whoever told the story knows of its end. */
export interface Ending {
  /** Whether what was to go wrong went wrong at all. */
  readonly struck: boolean;
  /** Index of the first request and event after the prelude. */
  readonly from: { readonly request: number; readonly event: number };
  /** Whether an operator ended by itself. */
  readonly died: boolean;
  /** How long there was no operator that followed the cluster, because one was killed; milliseconds. */
  readonly awayMs?: number;
  /** Why there is no end state, when the story got stuck; and what the operator said. */
  readonly stuck?: string;
}

/** Sums up a story that has ended. @param began of the story, milliseconds of `performance.now()` */
export function outcomeOf(
  { stage, proxy }: { readonly stage: Stage; readonly proxy: Pick<FaultProxy, 'trace'> },
  began: number,
  ending: Ending,
): Outcome {
  const { trace } = proxy;
  const changes = stage.history.changes();
  return {
    ...ending,
    endState: endStateOf(stage.history, stage.namespace),
    deeds: deedsOf(changes),
    traffic: trafficOf(changes, trace),
    // Those of the prelude too: they are told some time later, when the story may have begun.
    events: eventsTold(trace),
    trace,
    ms: Math.round(performance.now() - began),
  };
}
