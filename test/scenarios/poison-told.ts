import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { SeenStatus } from '../support/rig/team.ts';
import { KINDS_NAMESPACE } from './poison-kinds.ts';

/** By then everything is told. */
export const TOLD_MS = 45_000;

/** An event, as far as it is looked at. */
interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** What there has to be an event for. */
export interface Warned {
  /** Of what it is about; Rollout when absent. */
  readonly kind?: string;
  readonly reason: string;
  readonly says: (name: string) => string;
}

export const statusOf = (object: KubeObject | undefined) => (object?.['status'] ?? {}) as SeenStatus;

/** Whether a condition stands so, for that reason. */
export const hasCondition = ({ conditions = [] }: SeenStatus, type: string, status: string, reason: string) =>
  conditions.some(one => one.type === type && one.status === status && one.reason === reason);

/** Objects in the namespace of the other kinds, by name. */
export async function asking({ plane }: Rig, plural = 'rollouts'): Promise<ReadonlyMap<string, KubeObject>> {
  const all = await plane.client.list(`/apis/sluice.dev/v1alpha1/namespaces/${KINDS_NAMESPACE}/${plural}`);
  return new Map(all.map(one => [one.metadata.name, one]));
}

/** Waits until each of the names has a status as wanted. */
export async function expectEach(
  rig: Rig,
  names: readonly string[],
  check: (status: SeenStatus, name: string) => boolean,
  plural?: string,
): Promise<void> {
  await expectNoneOpen(async () => {
    const all = await asking(rig, plural);
    return names
      .filter(name => !check(statusOf(all.get(name)), name))
      .map(name => `${name}: ${JSON.stringify(statusOf(all.get(name)))}`);
  });
}

/** Waits until there is a warning about each of the names that says what it should. */
export async function expectWarned(
  { plane }: Rig,
  names: readonly string[],
  { kind = 'Rollout', reason, says }: Warned,
): Promise<void> {
  await expectNoneOpen(async () => {
    const all = await plane.client.list(`/api/v1/namespaces/${KINDS_NAMESPACE}/events`);
    const warnings = (all as unknown as readonly Told[]).filter(one => one.type === 'Warning' && one.reason === reason);
    const isWarned = (name: string) =>
      warnings.some(
        ({ involvedObject: of, message }) => of.kind === kind && of.name === name && message.includes(says(name)),
      );
    return names.filter(name => !isWarned(name)).map(name => `${name} is not told: ${reason} ${says(name)}`);
  });
}

/** Waits until nothing is open any more, and shows what is. */
async function expectNoneOpen(open: () => Promise<string[]>): Promise<void> {
  const untilMs = Date.now() + TOLD_MS;
  while ((await open()).length > 0 && Date.now() < untilMs) await sleep(200);
  expect(await open()).toEqual([]);
}
