import { setTimeout as sleep } from 'node:timers/promises';
import { COSTED, type CostsResult } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import { API } from '../world/fleet.ts';

/** Of each kind; the clock of /proc ticks every 10 ms. */
const WRITES = 300;
const WARM_UP = 30;
const STILL_MS = 5_000;
const FILLER = 'x'.repeat(3_000);

/**
 * What one write costs the API server: its CPU for many, one after the other, less what it needs with nothing to do. On a fleet
 * at rest, with the watches of bench and gateway, and without the operator, which would answer.
 */
export async function runCosts(bench: Bench): Promise<void> {
  await bench.endOperator('terminate');
  try {
    bench.result.costs = await measureCosts(bench);
  } finally {
    const operator = await bench.startOperator();
    await operator.untilLeading(bench.patience());
  }
}

async function measureCosts(bench: Bench): Promise<CostsResult> {
  const apiServer = () => bench.cluster.cpu()['kube-apiserver'] ?? Number.NaN;
  const before = apiServer();
  await sleep(STILL_MS);
  const still = (apiServer() - before) / STILL_MS;
  const { write, undo } = await writesOf(bench);
  const costs: Partial<Record<keyof CostsResult, number>> = {};
  for (const what of COSTED) {
    for (let n = 0; n < WARM_UP; n++) await write[what](n);
    const from = apiServer();
    const begun = Date.now();
    for (let n = WARM_UP; n < WARM_UP + WRITES; n++) await write[what](n);
    costs[what] = ((apiServer() - from - still * (Date.now() - begun)) / WRITES) * 1_000;
  }
  await undo();
  return costs as CostsResult;
}

interface Writes {
  /** One write, another one for each number. */
  readonly write: Readonly<Record<keyof CostsResult, (n: number) => Promise<unknown>>>;
  /** Puts everything back, so that the operator finds nothing to do. */
  undo(): Promise<void>;
}

/** @throws Error when the fleet has no first member */
async function writesOf(bench: Bench): Promise<Writes> {
  const { client } = bench.cluster.plane;
  const [member] = bench.members;
  if (!member) throw new Error('the fleet is empty');
  const { namespace, name } = member;
  const core = `/api/v1/namespaces/${namespace}`;
  const status = `${API.rollouts(namespace)}/${name}/status`;
  const route = `${API.routes(namespace)}/${name}`;
  const service = `${API.services(namespace)}/${name}-stable`;
  const config = `${core}/configmaps/costs`;
  const { message = null } = ((await client.get(status))['status'] ?? {}) as { message?: string };
  await client.create(`${core}/configmaps`, { metadata: { name: 'costs' }, data: { filler: FILLER } });
  const noted = (value: string | null) => ({ metadata: { annotations: { 'bench.example/costs': value } } });
  const say = (text: string | null) => client.patch(status, 'merge', { status: { message: text } });
  return {
    write: {
      'status of a Rollout': n => say(`write ${n}`),
      HTTPRoute: n => client.patch(route, 'merge', noted(`${n}`)),
      Service: n => client.patch(service, 'merge', noted(`${n}`)),
      'ConfigMap of 3 KB': n => client.patch(config, 'merge', { data: { n: `${n}` } }),
      event: n =>
        client.create(`${core}/events`, {
          metadata: { name: `costs-${n}` },
          involvedObject: { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', namespace, name },
          type: 'Normal',
          reason: 'Costs',
          message: `write ${n}`,
        }),
    },
    undo: async () => {
      await say(message);
      for (const path of [route, service]) await client.patch(path, 'merge', noted(null));
      await client.delete(config);
    },
  };
}
