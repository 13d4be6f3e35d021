import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../support/control-plane.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.sluice.dev';

/** The part of a definition's version that judges objects; `scale` judges the number of replicas. */
interface Judging {
  readonly schema: object;
  readonly subresources: object;
}

const JUDGES_NOTHING: Judging = {
  schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  subresources: { status: {} },
};

/** Lets Rollouts be written around their schema until the returned function is called, which puts it back. */
export async function withoutSchema(plane: ControlPlane): Promise<() => Promise<void>> {
  const strict = await judgeBy(plane, JUDGES_NOTHING, true);
  return async () => {
    await judgeBy(plane, strict, false);
  };
}

/** Exchanges what judges Rollouts, and resolves when the API server goes by it. @returns what did before */
async function judgeBy(plane: ControlPlane, judging: Judging, lenient: boolean): Promise<Judging> {
  const { spec } = (await plane.client.get(CRD)) as unknown as { spec: { versions: [Judging] } };
  const [{ schema, subresources, ...version }] = spec.versions;
  // A JSON patch: merged subresources would keep what is to go.
  const value = [{ ...version, ...judging }];
  await plane.client.patch(CRD, 'json', [{ op: 'replace', path: '/spec/versions', value }]);
  const untilMs = Date.now() + 60_000;
  while ((await isLenient(plane)) !== lenient) {
    if (Date.now() > untilMs)
      throw new Error(`the API server does not go by the exchanged schema: lenient ${!lenient}`);
    await sleep(200);
  }
  return { schema, subresources };
}

async function isLenient({ kubectl }: ControlPlane): Promise<boolean> {
  const json = JSON.stringify({
    ...{ apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { name: 'probe', namespace: 'default' } },
    spec: { replicas: 'probe' },
  });
  return await kubectl(['create', '--validate=false', '--dry-run=server', '-f', '-'], json).then(
    () => true,
    () => false,
  );
}
