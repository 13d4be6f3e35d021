import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GATEWAYS, HTTP_ROUTES } from './gateway/gateway-types.ts';
import { SandboxCluster } from './sandbox-cluster.ts';
import { AlertReceiver } from './tour/alert-receiver.ts';
import { drawScreen } from './tour/screen.ts';
import { SHOP_PATH } from './tour/shop-manifests.ts';
import { openShopRepository, type ShopRepository } from './tour/shop-repository.ts';
import { type Finding, playTour } from './tour/story.ts';
import { openTerminal, type Terminal } from './tour/terminal.ts';
import { RolloutWatcher } from './tour/watcher.ts';

const HELP = `sluice sandbox: a whole cluster in one process, with a tour

  --exit        end after the tour; exit code 0 only if all went as told
  --no-tour     only start the cluster and the operator
  --plain       plain lines, no redrawing
  --port N      port of the API server (default: a free one)
`;

const NAMESPACE = 'shop';
const REFRESH_MS = 250;

/** `sluice sandbox`. @returns the exit code */
export async function runSandbox(args: readonly string[]): Promise<number> {
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const terminal = openTerminal(process.stdout, flags.plain);
  const stops: (() => Promise<unknown>)[] = [];
  const interrupted = new Promise<'interrupted'>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'));
  });
  try {
    const session = await startSession(flags.port, terminal, stops);
    const tour = flags.tour
      ? playTour(session.parts).then(findings => report(findings, session.tell))
      : Promise.resolve(0);
    const ended = await Promise.race([tour, interrupted]);
    if (ended === 'interrupted') return 130;
    if (flags.exit) return ended;
    for (const hint of session.hints) terminal.line(hint);
    await interrupted;
    return 0;
  } finally {
    for (const stop of stops.reverse()) await stop();
    terminal.end();
  }
}

function readFlags(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      exit: { type: 'boolean', default: false },
      'no-tour': { type: 'boolean', default: false },
      plain: { type: 'boolean', default: false },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw new Error(`--port ${values.port}: give a port number`);
  return { exit: values.exit, tour: !values['no-tour'], plain: values.plain, port, help: values.help };
}

async function startSession(port: number | undefined, terminal: Terminal, stops: (() => Promise<unknown>)[]) {
  const story: string[] = [];
  const started = Date.now();
  const tell = (line: string) => {
    story.push(line);
    terminal.line(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)}s  ${line}`);
  };
  tell('starting an embedded cluster');
  const cluster = await SandboxCluster.start({
    namespaces: [NAMESPACE, 'sluice-system'],
    ...(port === undefined ? {} : { port }),
  });
  stops.push(() => cluster.stop());
  const alerts = new AlertReceiver();
  await alerts.start();
  stops.push(() => alerts.stop());
  const repository = await openShopRepository(join(cluster.folder, 'shop.git'), alerts.url);
  stops.push(() => repository.stop());
  await declareSync(cluster, repository);
  const watcher = new RolloutWatcher(cluster.client, NAMESPACE, 'shop');
  await watcher.start();
  stops.push(() => watcher.stop());
  const operatorLog = join(cluster.folder, 'operator.log');
  cluster.startOperator(operatorLog, process.argv[1]);
  const hints = [
    `kubectl   export KUBECONFIG=${cluster.kubeconfigPath}   then: kubectl -n ${NAMESPACE} get rollouts -w`,
    `git       git clone ${repository.url}   change ${SHOP_PATH}/rollout.yaml, commit, push`,
    `shop      ${cluster.gateway.url}/   metrics ${cluster.metrics.url} (${cluster.metrics.kind})   operator log ${operatorLog}`,
    'Ctrl-C ends everything.',
  ];
  const stopView = showLive(terminal, cluster, watcher, story, hints, tell);
  stops.push(async () => stopView());
  const weight = async () => canaryWeight(cluster);
  const badAnswers = () => failedOf(cluster, ['shop:1.0.0', 'shop:1.1.0', 'gateway', 'none']);
  // Users come when there is something to come to.
  void watcher.until(status => status.phase === 'Healthy', 60_000).then(up => up && cluster.load.start());
  return { hints, tell, parts: { watcher, alerts, developer: repository, tell, weight, badAnswers } };
}

/** Draws the live view on a terminal; elsewhere tells each event in a line. */
function showLive(
  terminal: Terminal,
  cluster: SandboxCluster,
  watcher: RolloutWatcher,
  story: readonly string[],
  hints: readonly string[],
  tell: (line: string) => void,
): () => void {
  const weights: number[] = [];
  let told = 0;
  watcher.onChange(() => {
    for (; told < watcher.events.length; told++) {
      const event = watcher.events[told];
      if (event && !terminal.live) tell(`   ${event.warning ? '!' : '·'} ${event.reason}: ${event.note}`);
    }
  });
  const second = setInterval(() => weights.push(watcher.status?.weights?.actualCanary ?? 0), 1_000);
  const redraw = () =>
    terminal.redraw(
      drawScreen({
        status: watcher.status,
        run: watcher.run?.status,
        weights,
        load: cluster.load.lastSeconds(60),
        story,
        hints,
        columns: terminal.columns,
        rows: terminal.rows,
        color: terminal.color,
      }),
    );
  const frames = terminal.live ? setInterval(redraw, REFRESH_MS) : undefined;
  return () => {
    if (terminal.live) redraw();
    clearInterval(second);
    clearInterval(frames);
  };
}

const GIT_SYNCS = { group: 'sluice.dev', version: 'v1alpha1', plural: 'gitsyncs', kind: 'GitSync', namespaced: true };

async function declareSync(cluster: SandboxCluster, repository: ShopRepository): Promise<void> {
  await cluster.client.create(GATEWAYS, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: { gatewayClassName: 'sandbox', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  });
  await cluster.client.create(GIT_SYNCS, {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'GitSync',
    metadata: { name: 'shop', namespace: NAMESPACE },
    spec: { repository: repository.url, branch: repository.branch, path: SHOP_PATH, interval: '1s' },
  });
}

/** Requests that a good version, or the gateway itself, did not answer well. */
function failedOf(cluster: SandboxCluster, images: readonly string[]): number {
  return cluster.load
    .lastSeconds(300)
    .reduce(
      (sum, second) => sum + images.reduce((failed, image) => failed + (second.byImage[image]?.failed ?? 0), 0),
      0,
    );
}

async function canaryWeight(cluster: SandboxCluster): Promise<number> {
  const route = await cluster.client.find(HTTP_ROUTES, { namespace: NAMESPACE, name: 'shop' });
  const rules = (route?.['spec'] as { rules?: { backendRefs?: { weight?: number }[] }[] } | undefined)?.rules;
  return rules?.[0]?.backendRefs?.[1]?.weight ?? -1;
}

function report(findings: readonly Finding[], tell: (line: string) => void): number {
  const failed = findings.filter(finding => !finding.ok).length;
  tell(
    failed === 0
      ? `The tour is over: all ${findings.length} expectations held.`
      : `The tour is over: ${failed} of ${findings.length} expectations did NOT hold.`,
  );
  return failed === 0 ? 0 : 1;
}
