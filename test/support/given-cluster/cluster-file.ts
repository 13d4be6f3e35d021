import type { RigUser } from '../control-plane/users.ts';

/** What the tests must know of a cluster that they did not start: written outside their network namespace, read inside. */
export interface GivenCluster {
  /** Unix socket that leads to the API server from within a network namespace. */
  readonly socket: string;
  /** The certificate authority of the server, PEM. */
  readonly caPem: string;
  readonly tokens: Readonly<Record<RigUser, string>>;
}

/** Environment variable with the path of the file that holds a {@link GivenCluster}. */
export const GIVEN_CLUSTER_FILE = 'SLUICE_GIVEN_CLUSTER';
