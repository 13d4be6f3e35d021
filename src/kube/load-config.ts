import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClusterConfig } from './config.ts';
import { inClusterConfig } from './in-cluster-config.ts';
import type { KubeconfigOptions } from './kubeconfig.ts';
import { kubeconfigFrom } from './kubeconfig.ts';

/**
 * Finds the cluster to talk to, in kubectl's order: the given file or context, KUBECONFIG, `~/.kube/config`, then the pod's
 * service account.
 * @throws Error when none of them is usable.
 */
export async function loadClusterConfig(options: KubeconfigOptions = {}): Promise<ClusterConfig> {
  if (options.file !== undefined || options.context !== undefined || process.env.KUBECONFIG) {
    return kubeconfigFrom(options);
  }
  const inHome = await access(join(homedir(), '.kube', 'config')).then(
    () => true,
    () => false,
  );
  return inHome ? kubeconfigFrom(options) : inClusterConfig(options.clock ? { clock: options.clock } : {});
}
