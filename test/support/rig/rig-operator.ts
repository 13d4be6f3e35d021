import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../control-plane/free-ports.ts';
import { eventually } from '../eventually.ts';
import { type OperatorProcess, startOperator } from '../operator-process.ts';

/** The operator as a process that a test may kill, freeze and thaw. */
export interface RigOperator extends OperatorProcess {
  /** Its own HTTP server: /metrics, /healthz, /readyz. */
  readonly url: string;
  log(): string;
  /** Sends a signal, SIGKILL when absent, and waits until the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: the process is there and does nothing. */
  freeze(): void;
  /** SIGCONT */
  thaw(): void;
}

/**
 * Starts an operator again whenever the last one has ended, as a kubelet does: one that cannot renew its lease for 10 s ends by
 * itself. Until stopped.
 */
export function restartWhenEnded(rig: { readonly operator: RigOperator; startOperator(): Promise<RigOperator> }): {
  stop(): Promise<void>;
} {
  let going = true;
  const loop = (async () => {
    for (; going; await sleep(500)) if (rig.operator.ended()) await rig.startOperator().catch(() => undefined);
  })();
  return {
    stop: async () => {
      going = false;
      await loop;
    },
  };
}

/**
 * Starts an operator under the RBAC of deploy/, with leader election unless a flag says otherwise; resolves when it is ready.
 * `program`: a bundle to run instead of the source.
 */
export async function startRigOperator(
  kubeconfig: string,
  flags: readonly string[] = [],
  program?: string,
): Promise<RigOperator> {
  const [port] = (await freePorts(1)) as [number];
  const operator = await startOperator(kubeconfig, ['--port', String(port), ...flags], program);
  const url = `http://127.0.0.1:${port}`;
  const log = () => readFileSync(operator.logFile, 'utf8');
  const send = (signal: NodeJS.Signals) => {
    if (!operator.ended()) process.kill(operator.pid, signal);
  };
  await eventually(
    'the operator is ready',
    async () => {
      if (operator.ended()) throw new Error(`the operator ended while it started:\n${log()}`);
      return await isReady(url);
    },
    30_000,
  );
  return {
    ...operator,
    url,
    log,
    kill: async (signal = 'SIGKILL') => {
      send(signal);
      while (!operator.ended()) await sleep(20);
    },
    freeze: () => send('SIGSTOP'),
    thaw: () => send('SIGCONT'),
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    await sleep(50);
    return false;
  }
}
