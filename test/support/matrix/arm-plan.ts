import { setTimeout as sleep } from 'node:timers/promises';
import type { StaleView } from '../fault-proxy/collections.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import { isCountedWrite, type ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { ProxyFault, ProxyRule } from '../fault-proxy/proxy-plan.ts';
import { likenessOfEvent, likenessOfWrite, type Plan, type Point } from './plan.ts';
import type { PlanOperator } from './plan-operator.ts';

/** A plan in force. */
export interface ArmedPlan {
  /** Whether what it waits for has come. */
  struck(): boolean;
  /** Called when the story is told; resolves when all has gone wrong that is to, and an operator follows the cluster again. */
  ended(): Promise<void>;
}

/** How long an operator that was started on a stale view may act on it, at least. */
const STALE_MS = 1_000;
/** How long it has to catch up before anybody may think that nothing more comes: a status that only shows waits for 1 s. */
const CATCHES_UP_MS = 2_500;
const FOLLOWS_MS = 30_000;

/** Puts a plan into force. */
export function armPlan(plan: Plan, proxy: FaultProxy, operator: PlanOperator): ArmedPlan {
  const follows = () => untilFollowed(proxy, operator);
  switch (plan.variant) {
    case 'before':
    case 'applied':
    case 'told': {
      const rule = proxy.inject(
        atWrite(plan.write, { kind: 'crash', at: plan.variant, kill: () => operator.replace() }),
      );
      return { struck: () => rule.hits > 0, ended: follows };
    }
    case 'lost':
    case 'reset': {
      const fault: ProxyFault = { kind: plan.variant === 'lost' ? 'dropReply' : 'reset' };
      const rule = proxy.inject(atWrite(plan.write, fault));
      return { struck: () => rule.hits > 0, ended: follows };
    }
    case 'hide': {
      const { like, nth } = eventOf(plan);
      const hiding = proxy.hide({ when: event => likenessOfEvent(event) === like, nth });
      return { struck: () => hiding.state !== 'waiting', ended: follows };
    }
    case 'stale':
    case 'travel':
      return armStale(plan, proxy, operator);
  }
}

function armStale(plan: Plan, proxy: FaultProxy, operator: PlanOperator): ArmedPlan {
  const view = viewAt(eventOf(plan), proxy);
  let going: Promise<void> | undefined;
  const goBack = async (past: StaleView) => {
    await operator.kill();
    proxy.serveStale(past);
    operator.restart();
    going = (async () => {
      await untilFollowed(proxy, operator);
      await sleep(STALE_MS);
      proxy.release();
      await sleep(CATCHES_UP_MS);
    })();
  };
  if (plan.variant === 'travel') {
    const ended = async () => {
      if (view.now) await goBack(view.now);
      await going;
    };
    return { struck: () => view.now !== undefined, ended };
  }
  const kill = async () => {
    if (view.now) await goBack(view.now);
  };
  const isNext = (request: ProxiedRequest) => view.now !== undefined && likenessOfWrite(request) === plan.write.like;
  proxy.inject({ when: isNext, fault: { kind: 'crash', at: 'told', kill } });
  return { struck: () => going !== undefined, ended: async () => going };
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

/** When the latest operator process began to watch Rollouts, milliseconds of `performance.now()`; undefined: not yet. */
export function followsSince({ trace }: FaultProxy, operator: PlanOperator): number | undefined {
  const isWatch = ({ verb, plural }: ProxiedRequest) => verb === 'watch' && plural === 'rollouts';
  const latest = trace.entries.findLast(({ request }) => isWatch(request))?.request.at;
  return latest !== undefined && latest > operator.startedAt ? latest : undefined;
}

async function untilFollowed(proxy: FaultProxy, operator: PlanOperator): Promise<void> {
  const deadline = performance.now() + FOLLOWS_MS;
  while (followsSince(proxy, operator) === undefined) {
    if (performance.now() > deadline) throw new Error('no operator follows the cluster');
    await sleep(20);
  }
}
