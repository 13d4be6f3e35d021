import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LogLevel } from './log.ts';

/** What `sluice operator` was started with. */
export interface OperatorFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace: string;
  readonly watchNamespace?: string | undefined;
  readonly leaderElection: boolean;
  readonly gitSync: boolean;
  readonly gitCacheDir: string;
  readonly gitAllowFile: boolean;
  readonly port: number;
  readonly host: string | undefined;
  readonly concurrency: number;
  readonly logLevel: LogLevel;
}

export const OPERATOR_HELP = `sluice operator: runs the controller

  --kubeconfig FILE      cluster to talk to (default: KUBECONFIG, ~/.kube/config, in-cluster)
  --context NAME         context of the kubeconfig
  --namespace NAME       the operator's own namespace (default: that of its pod, else sluice-system)
  --watch-namespace NAME only Rollouts of this namespace (one lease per --namespace: give each of these its own)
  --no-leader-election   for a single process outside a cluster
  --git-sync             run the built-in Git synchronizer (kind GitSync)
  --git-cache-dir DIR    where fetched Git objects are kept (default: a temporary folder)
  --git-allow-file       let a GitSync name file:// repositories, folders of this machine
  --port N               /metrics, /healthz, /readyz (default 8080; 0: any free port)
  --host ADDRESS         address to listen on (default all, those of IPv6 too)
  --concurrency N        Rollouts worked on at once (default 16)
  --log-level LEVEL      debug, info, warn, error (default info)
`;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Reads the flags. @throws Error with a sentence for the user */
export function parseOperatorFlags(args: readonly string[]): OperatorFlags {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      namespace: { type: 'string' },
      'watch-namespace': { type: 'string' },
      'leader-election': { type: 'boolean', default: true },
      'git-sync': { type: 'boolean', default: false },
      'git-cache-dir': { type: 'string' },
      'git-allow-file': { type: 'boolean', default: false },
      port: { type: 'string', default: '8080' },
      host: { type: 'string' },
      concurrency: { type: 'string', default: '16' },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  const level = values['log-level'] as LogLevel;
  if (!LEVELS.includes(level)) throw new Error(`--log-level ${level}: use one of ${LEVELS.join(', ')}`);
  return {
    kubeconfig: values.kubeconfig,
    context: values.context,
    namespace: values.namespace ?? ownNamespace(),
    watchNamespace: values['watch-namespace'],
    leaderElection: values['leader-election'],
    gitSync: values['git-sync'],
    gitCacheDir: values['git-cache-dir'] ?? join(tmpdir(), `sluice-git-${process.pid}`),
    gitAllowFile: values['git-allow-file'],
    port: integer('--port', values.port, 0, 65_535),
    host: values.host,
    concurrency: integer('--concurrency', values.concurrency, 1, 256),
    logLevel: level,
  };
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`${flag} ${text}: give a whole number from ${min} to ${max}`);
  return value;
}

function ownNamespace(): string {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim();
  } catch {
    return 'sluice-system';
  }
}
