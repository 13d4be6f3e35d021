import { actualWeight, mayReachCanary } from './actual-weight.ts';
import { enoughToCarryAll, notCarried, stablePods } from './carry.ts';
import { missingChildren } from './children.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import { serviceNames } from './prerequisites.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import { isSelectorLoop, isWriteLoop, lookAgainAt } from './route-conflict.ts';
import { podsForWeight } from './routed-replicas.ts';
import { isAstray, type ServiceView } from './service-view.ts';
import { restoreTemplates } from './template-drift.ts';
import type { World } from './world.ts';

/*
 * The order rules, in one place. An intent says where to go; this says what may be done about it now:
 *
 *   1. traffic back to stable        first, whatever else is wanted
 *   2. missing objects, more pods    scale before weight, of templates that are right
 *   3. Services to their revision    only to ready pods, never under live weight, of the route or still of the gateway
 *   4. weight up                     only onto ready endpoints, only over an accepted route
 *   5. fewer pods                    weight before scale, and taken up; nothing a live route or selector points at goes to 0
 */

/** Actions that may be taken now towards the intent, in their order. */
export function orderActions(w: World, d: Draft, intent: Intent): Action[] {
  const home = w.stable ? w.stableSet : w.newSet;
  const weight = weightActions(w, d, intent, home);
  const select = selectActions(w, d, intent, home);
  const scale = scaleActions(w, intent);
  return oneWritePerSet([
    ...select.filter(action => action.urgent).map(({ action }) => action),
    ...(weight?.lowers ? weight.actions : []),
    ...restoreTemplates(w, d),
    // Sets that exist grow first: a new template that is refused must not keep stable from scaling.
    ...scale.up,
    ...missingChildren(w, d, intent.firstPods),
    ...select.filter(action => !action.urgent).map(({ action }) => action),
    ...(weight && !weight.lowers ? weight.actions : []),
    ...scale.down,
  ]);
}

/** In the order of who comes first: no pod is made of a template that is not right. */
const SET_WRITES = ['RestoreTemplate', 'ScaleReplicaSet', 'AnnotateReplicaSet', 'SetMinReadySeconds'] as const;

/** A second write of a ReplicaSet would be refused, because the first changes its version: what is less urgent waits a pass. */
function oneWritePerSet(actions: readonly Action[]): Action[] {
  const first = new Map<string, Action>();
  for (const type of SET_WRITES)
    for (const action of actions)
      if (action.type === type && !first.has(action.target.name)) first.set(action.target.name, action);
  return actions.filter(action => !isSetWrite(action) || first.get(action.target.name) === action);
}

function isSetWrite(action: Action): action is Extract<Action, { type: (typeof SET_WRITES)[number] }> {
  return (SET_WRITES as readonly string[]).includes(action.type);
}

interface WeightActions {
  readonly lowers: boolean;
  readonly actions: Action[];
}

function weightActions(
  w: World,
  d: Draft,
  intent: Intent,
  home: ReplicaSetView | undefined,
): WeightActions | undefined {
  const { router } = w;
  if (!router || intent.canaryWeight === undefined || router.state.kind !== 'weights') return undefined;
  if (w.snapshot.rivals.some(rival => rival.routes.includes(router.ref.name))) return undefined;
  const { canary: actual, uniform, accepted } = router.state;
  const { canary } = w.spec.strategy;
  let want = intent.canaryWeight;
  if (want < actual) {
    const stable = w.service(canary?.stableService);
    const homeHash = w.stable?.podTemplateHash ?? w.hash;
    const ready =
      stable && (stable.selects === homeHash || stable.selects === undefined) ? stable.readyOf(home?.name) : 0;
    want = Math.min(actual, Math.max(want, ready > 0 ? notCarried(ready, stablePods(w), router.max) : actual));
  } else if (want > actual) {
    const service = w.service(canary?.canaryService);
    const ready = service?.selects === w.hash ? service.readyOf(w.newSet?.name) : 0;
    const enough =
      ready > 0 && ready >= intent.capacityForWeight && (w.newSet?.available ?? 0) >= intent.capacityForWeight;
    if (!enough || !accepted) want = actual;
  }
  if (want === actual && uniform) return undefined;
  const patch = router.write({ canary: want, max: router.max });
  // We had seen our weight there, we want the same still, and it is gone: somebody else wrote it.
  const { stored } = w;
  const asked = stored?.weights?.canary === want && want !== actual;
  const { lastWeight = stored?.weights?.actualCanary } = w.snapshot;
  const reassert = asked && lastWeight === want;
  const lowers = want <= actual;
  if (asked && isWriteLoop(w, lowers)) {
    d.wakes.push(lookAgainAt(w));
    return undefined;
  }
  return { lowers, actions: [{ type: 'PatchRoute', ref: router.ref, patch, canaryWeight: want, lowers, reassert }] };
}

interface SelectAction {
  readonly action: Action;
  /** It returns stable traffic to stable pods, so nothing may come before it. */
  readonly urgent: boolean;
}

function selectActions(w: World, d: Draft, intent: Intent, home: ReplicaSetView | undefined): SelectAction[] {
  const { canary, blueGreen } = w.spec.strategy;
  const homeService = canary?.stableService ?? blueGreen?.activeService;
  const actions: SelectAction[] = [];
  for (const [name, hash] of intent.select) {
    const service = w.service(name);
    if (!service?.exists) continue;
    const astray = isAstray(service);
    if (service.selects === hash && !astray) continue;
    if (w.snapshot.rivals.some(rival => rival.services.includes(name))) continue;
    if (isSelectorLoop(w, name, hash)) {
      d.wakes.push(lookAgainAt(w));
      continue;
    }
    // With no replicas wanted nobody is to be served, and the Service follows its revision all the same.
    const target = w.sets.find(set => set.hash === hash && (set.ready > 0 || w.replicas === 0));
    if (!target) continue;
    const isHome = name === homeService;
    const returning = isHome && hash === (w.stable?.podTemplateHash ?? '') && target === home;
    if (isHome && !returning && w.stable && target.available < Math.min(w.replicas, target.spec)) continue;
    // Users of pods that are not ours yet, and of a stable set that was forgotten, keep what they have until enough is there.
    const enough = Math.min(w.replicas, enoughToCarryAll(w.replicas));
    if (isHome && !w.stable && target.ready < enough && service.ready > service.readyOf(target.name)) continue;
    if (isHome && returning && blueGreen && !carriesEnough(w, service, target, enough)) continue;
    // By another way than its weights users come home sooner where the gateway is away.
    const isHomeward = actualWeight(w) === 0 && hash === w.stable?.podTemplateHash && target.ready >= enough;
    const isMove = service.selects !== undefined && service.selects !== hash;
    if (!isHome && isMove && !isHomeward && mayReachCanary(w)) continue;
    const mend = astray ? { mend: service.astray } : {};
    actions.push({
      action: { type: 'SelectRevision', service: name, podTemplateHash: hash, ...mend },
      urgent: returning,
    });
  }
  return actions;
}

/** Blue-green moves all users at once: home only to a set that can carry them, or that is no worse than where they are. */
function carriesEnough(w: World, service: ServiceView, home: ReplicaSetView, enough: number): boolean {
  const current = w.sets.find(set => set.hash === service.selects);
  return home.ready >= enough || home.ready >= (current?.ready ?? 0);
}

interface ScaleActions {
  readonly up: Action[];
  readonly down: Action[];
}

function scaleActions(w: World, intent: Intent): ScaleActions {
  const up: Action[] = [];
  const down: Action[] = [];
  for (const set of w.sets) {
    const wanted = intent.scale.get(set.name);
    if (wanted === undefined || wanted === set.spec) continue;
    const to = wanted > set.spec ? wanted : lowestAllowed(w, intent, set, wanted);
    if (to === set.spec) continue;
    const mend = set.asked !== undefined && set.asked !== set.spec;
    (to > set.spec ? up : down).push({ type: 'ScaleReplicaSet', target: set.target, from: set.spec, to, mend });
  }
  return { up, down };
}

/**
 * Fewest pods that a set may be scaled to while live routes and selectors point at it. One that leaves after a delay leaves whole:
 * it was kept to take everybody back, and who still points at it is about to be moved, or only seems to by an old list.
 */
function lowestAllowed(w: World, intent: Intent, set: ReplicaSetView, wanted: number): number {
  if (w.replicas === 0) return wanted;
  let floor = 0;
  for (const name of serviceNames(w)) {
    const service = w.service(name);
    if (service?.selects !== set.hash) continue;
    floor = Math.max(floor, 1, intent.explicitScale && set === w.newSet ? 1 : podsFor(w, name));
  }
  // Of a revision that is on trial again its step decides, whatever was planned when it was aborted.
  const isTried = set === w.newSet && intent.phase !== 'Aborted';
  const leavesWhole = wanted === 0 && floor > 0 && set.scaleDownAt !== undefined && !isTried;
  return leavesWhole ? set.spec : Math.max(wanted, Math.min(set.spec, floor));
}

/** Pods that the live share of a Service's traffic needs. */
function podsFor(w: World, service: string): number {
  const { canary, blueGreen } = w.spec.strategy;
  if (blueGreen) return service === blueGreen.activeService ? w.replicas : 1;
  if (w.router?.state.kind !== 'weights') return 1;
  const { canary: actual, accepted } = w.router.state;
  // Until the gateway has taken a weight up, users are where they were.
  if (!accepted) return w.replicas;
  const share = service === canary?.canaryService ? actual : w.router.max - actual;
  return podsForWeight(w.replicas, share, w.router.max);
}
