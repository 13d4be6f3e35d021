import { afterAll, beforeAll, describe } from 'vitest';
import type { TestCluster } from '../support/test-cluster.ts';
import { clustersUnderTest } from '../support/test-cluster.ts';
import { RawClient } from './raw-client.ts';

/** What a contract gets: a client and a fresh namespace of its own. */
export interface Contract {
  readonly cluster: TestCluster;
  readonly client: RawClient;
  /** A namespace made for this file. */
  readonly namespace: string;
  readonly name: TestCluster['name'];
}

/** A behaviour that one server has and the other cannot mirror: the tests named here do not run on `on`. */
export interface Divergence {
  on: TestCluster['name'];
  reason: string;
  tests: readonly string[];
}

/** Every known divergence. A test that is skipped for a cluster is listed here, none is skipped silently. */
export const divergences: readonly Divergence[] = [
  {
    on: 'real',
    reason: 'only the embedded server can be told to compact its history; a real one does so every five minutes',
    tests: ['a watch from a compacted version ends with 410', 'a continue token of a compacted list gives 410'],
  },
  {
    on: 'real',
    reason: 'bookmarks of a real server come about once a minute, too slow for a test',
    tests: ['an idle watch that allows bookmarks gets one'],
  },
];

/** True when a test has to be left out on a cluster. */
export function diverges(name: TestCluster['name'], test: string): boolean {
  return divergences.some(item => item.on === name && item.tests.includes(test));
}

/** Declares the same tests for every cluster under test. `contract` is filled before the tests run. */
export function onEveryCluster(title: string, declare: (contract: Contract) => void): void {
  for (const candidate of clustersUnderTest()) {
    if (candidate.unavailable !== undefined) {
      describe.skip(`${title} (${candidate.name}: SKIPPED, ${candidate.unavailable})`, () => declare({} as Contract));
      continue;
    }
    describe(`${title} (${candidate.name})`, () => {
      const contract = { name: candidate.name } as { -readonly [K in keyof Contract]: Contract[K] };
      beforeAll(async () => {
        contract.cluster = await candidate.start();
        contract.client = new RawClient(contract.cluster);
        contract.namespace = `contract-${Math.random().toString(36).slice(2, 8)}`;
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: contract.namespace } };
        await contract.client.created('/api/v1/namespaces', object);
      }, 600_000);
      afterAll(() => contract.cluster?.stop());
      declare(contract);
    });
  }
}
