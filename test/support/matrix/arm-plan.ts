import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import type { StaleView } from '../fault-proxy/collections.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import { isCountedWrite, type ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { ProxyFault, ProxyRule } from '../fault-proxy/proxy-plan.ts';
import type { TraceEntry } from '../fault-proxy/trace.ts';
import { QUIET_MS } from './calm.ts';
import { likenessOfEvent, likenessOfWrite, type Plan, type Point } from './plan.ts';
import type { PlanOperator } from './plan-operator.ts';

/** A plan in force. */
export interface ArmedPlan {
  /** Whether what it is about has gone wrong. */
  struck(): boolean;
  /** Called when the story is told; resolves when all has gone wrong that is to, and an operator follows the cluster again. */
  ended(): Promise<void>;
}

/** How long an operator that has decided on a stale view may go on acting on it, at least. */
const STALE_MS = 1_000;
const FOLLOWS_MS = 30_000;
const DECIDES_MS = 10_000;
/** Longer than the operator waits for any answer. */
const GIVES_UP_MS = 25_000;

/** Puts a plan into force. */
export function armPlan(plan: Plan, proxy: FaultProxy, operator: PlanOperator): ArmedPlan {
  const follows = () => untilFollowed(proxy, operator);
  switch (plan.variant) {
    case 'before':
    case 'applied':
    case 'told':
      return armWrite(plan, { kind: 'crash', at: plan.variant, kill: () => operator.replace() }, proxy, follows);
    case 'lost':
      return armWrite(plan, { kind: 'dropReply' }, proxy, follows);
    case 'reset':
    case 'truncate':
      return armWrite(plan, { kind: plan.variant }, proxy, follows);
    case 'silent':
      return armSilence(plan, proxy);
    case 'hide': {
      const { like, nth } = eventOf(plan);
      const hiding = proxy.hide({ when: event => likenessOfEvent(event) === like, nth });
      return { struck: () => hiding.state === 'hidden', ended: follows };
    }
    case 'stale':
    case 'travel':
      return armStale(plan, proxy, operator);
  }
}

function armWrite({ write }: Plan, fault: ProxyFault, proxy: FaultProxy, ended: () => Promise<void>): ArmedPlan {
  const rule = proxy.inject(atWrite(write, fault));
  return { struck: () => rule.hits > 0, ended };
}

/** It ends when the operator has turned away. */
function armSilence({ write }: Plan, proxy: FaultProxy): ArmedPlan {
  let met: TraceEntry | undefined;
  const rule = proxy.inject(atWrite(write, { kind: 'silent', applied: true }));
  void rule.struck.then(entry => {
    met = entry;
  });
  const isOver = () => met?.abandonedAt !== undefined;
  const ended = async () => {
    if (!met) return;
    await eventually('the operator gives up', isOver, GIVES_UP_MS);
    await sleep(QUIET_MS);
  };
  return { struck: isOver, ended };
}

function armStale(plan: Plan, proxy: FaultProxy, operator: PlanOperator): ArmedPlan {
  const view = viewAt(eventOf(plan), proxy);
  let going: Promise<void> | undefined;
  let misled = false;
  const goBack = async (past: StaleView) => {
    await operator.kill();
    const from = proxy.trace.entries.length;
    proxy.serveStale(past);
    operator.restart();
    going = (async () => {
      await untilFollowed(proxy, operator);
      const decides = eventually('the operator decides', async () => (await operator.passes()) > 0, DECIDES_MS);
      // There is nothing to decide when the Rollout was gone by then.
      const isDeciding = await decides.then(
        () => true,
        () => false,
      );
      await sleep(STALE_MS);
      const lists = proxy.trace.entries.slice(from).filter(({ request }) => request.plural === 'rollouts');
      misled = isDeciding && lists.some(({ fault }) => fault === 'stale list');
      proxy.release();
      await sleep(QUIET_MS);
    })();
    // Whoever awaits it is told.
    going.catch(() => undefined);
  };
  const struck = () => misled;
  if (plan.variant === 'travel') {
    const ended = async () => {
      if (view.now) await goBack(view.now);
      await going;
    };
    return { struck, ended };
  }
  const kill = async () => {
    if (view.now) await goBack(view.now);
  };
  const when = (request: ProxiedRequest) =>
    view.now !== undefined && isCountedWrite(request) && likenessOfWrite(request) === plan.write.like;
  proxy.inject({ when, nth: plan.write.nth, effective: true, fault: { kind: 'crash', at: 'told', kill } });
  return { struck, ended: async () => going };
}

/** What the operator could know right after an event. */
function viewAt({ like, nth }: Point, proxy: FaultProxy): { readonly now: StaleView | undefined } {
  const taken: { now: StaleView | undefined } = { now: undefined };
  let seen = 0;
  const forget = proxy.onEvent(event => {
    if (likenessOfEvent(event) !== like) return;
    seen += 1;
    if (seen < nth) return;
    taken.now = proxy.snapshot();
    forget();
  });
  return taken;
}

function atWrite({ like, nth }: Point, fault: ProxyFault): ProxyRule {
  const when = (request: ProxiedRequest) => isCountedWrite(request) && likenessOfWrite(request) === like;
  return { when, nth, effective: true, fault };
}

function eventOf({ id, event }: Plan): Point {
  if (!event) throw new Error(`plan ${id} names no event`);
  return event;
}

/** What a story's first objects are of: who follows one of them alone may take the other for missing. */
const FOLLOWED: readonly string[] = ['rollouts', 'httproutes'];

/** When the latest operator process began to follow the cluster, milliseconds of `performance.now()`; undefined: not yet. */
export function followsSince({ trace }: FaultProxy, { startedAt }: PlanOperator): number | undefined {
  const watches = trace.entries.filter(({ request }) => request.verb === 'watch' && request.at > startedAt);
  const began = FOLLOWED.map(plural => watches.find(({ request }) => request.plural === plural)?.request.at);
  return began.includes(undefined) ? undefined : Math.max(...began.map(Number));
}

async function untilFollowed(proxy: FaultProxy, operator: PlanOperator): Promise<void> {
  await eventually('an operator follows the cluster', () => followsSince(proxy, operator) !== undefined, FOLLOWS_MS);
}
