import { systemClock } from '../kube/clock.ts';
import { loadClusterConfig } from '../kube/load-config.ts';
import { collectWhenIdle } from './frugal-heap.ts';
import { createLog } from './log.ts';
import { Operator } from './operator.ts';
import { OPERATOR_HELP, parseOperatorFlags } from './options.ts';

/** `sluice operator`: runs until told to stop. @returns the exit code */
export async function runOperator(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(OPERATOR_HELP);
    return 0;
  }
  let flags: ReturnType<typeof parseOperatorFlags>;
  try {
    flags = parseOperatorFlags(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${OPERATOR_HELP}`);
    return 2;
  }
  const log = createLog(flags.logLevel);
  let config: Awaited<ReturnType<typeof loadClusterConfig>>;
  try {
    config = await loadClusterConfig({
      ...(flags.kubeconfig === undefined ? {} : { file: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`the cluster's address and credentials cannot be read: ${why}\nGive --kubeconfig FILE.\n`);
    return 1;
  }
  const operator = new Operator({
    config,
    log,
    namespace: flags.namespace,
    watchNamespace: flags.watchNamespace,
    leaderElection: flags.leaderElection,
    gitSync: flags.gitSync,
    gitCacheDir: flags.gitCacheDir,
    gitAllowFile: flags.gitAllowFile,
    httpPort: flags.port,
    httpHost: flags.host,
    concurrency: flags.concurrency,
  });
  // A bug in one corner must be seen, and must not take the others down with it.
  process.on('unhandledRejection', error => log.error('unhandled rejection', { error }));
  const port = await operator.start();
  log.info('operator started', { server: config.server, port, namespace: flags.namespace });
  const stopCollecting = collectWhenIdle({ clock: systemClock, lastWorkAt: () => operator.metrics.lastWorkAt() });
  const signalled = new Promise<string>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  const lost = operator.lost.then(why => ({ lost: why }));
  const end = await Promise.race([signalled, lost]);
  stopCollecting();
  if (typeof end !== 'string') return 1;
  log.info('stopping', { signal: end });
  await operator.stop();
  return 0;
}
