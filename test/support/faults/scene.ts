import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RIG_USERS } from '../control-plane/users.ts';
import { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { UpstreamAddress } from '../fault-proxy/upstream.ts';
import type { WatchRelay } from '../fault-proxy/watch-relay.ts';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { Stage } from '../matrix/stage.ts';
import { type OperatorProcess, startOperator } from '../operator-process.ts';

/** How to set a scene; everything has a default. */
export interface SceneOptions {
  /** Flags of the operator; when absent it watches the scene's namespace, without leader election. */
  readonly flags?: readonly string[];
  /** The program to run instead of the rig's bundle. */
  readonly program?: string;
  /** Changes the user of the operator's kubeconfig, whose token is the rig's when absent. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** The cluster of the operator's kubeconfig, for the address of the proxy, which it is when absent. */
  readonly access?: (proxy: string) => Promise<Readonly<Record<string, unknown>>>;
  /** What the proxy leads to instead of the API server. */
  readonly upstream?: UpstreamAddress;
  /** Time for everything that is told in it; milliseconds. */
  readonly longestMs?: number;
  /** Whether there is an operator from the beginning (default). */
  readonly starts?: boolean;
}

const LONGEST_MS = 90_000;

/** A namespace of its own with an operator of its own behind a proxy of its own. */
export class Scene {
  readonly rig: MatrixRig;
  readonly namespace: string;
  readonly proxy: FaultProxy;
  readonly stage: Stage;
  readonly kubeconfig: string;
  readonly #options: SceneOptions;
  readonly #cluster: Readonly<Record<string, unknown>> | undefined;
  #process: OperatorProcess | undefined;
  #logs = '';
  /** Whether an operator ended without having been killed. */
  died = false;
  /** What a test did to the operator, once it is known to have happened. Faults of requests are in the trace. */
  readonly strikes: string[] = [];

  private constructor(
    rig: MatrixRig,
    namespace: string,
    proxy: FaultProxy,
    options: SceneOptions,
    cluster: Readonly<Record<string, unknown>> | undefined,
  ) {
    this.rig = rig;
    this.namespace = namespace;
    this.proxy = proxy;
    this.#options = options;
    this.#cluster = cluster;
    this.stage = new Stage(namespace, rig.history.of(namespace), rig.plane.client, options.longestMs ?? LONGEST_MS);
    const folder = join(rig.folder, `${namespace}-${scenes++}`);
    mkdirSync(folder);
    this.kubeconfig = join(folder, 'kubeconfig');
    this.writeUser(options.user ?? { token: rig.plane.userToken('operator') });
  }

  /** Creates the namespace, if nobody has, and starts the operator. */
  static async open(rig: MatrixRig, namespace: string, options: SceneOptions = {}): Promise<Scene> {
    const { plane } = rig;
    const proxy = await FaultProxy.before(options.upstream ?? plane);
    const scene = new Scene(rig, namespace, proxy, options, await options.access?.(proxy.url));
    openScenes.add(scene);
    await plane.client.create('/api/v1/namespaces', { metadata: { name: namespace } }).catch(() => undefined);
    if (options.starts !== false) await scene.start();
    return scene;
  }

  /** The operator's process. */
  get operator(): OperatorProcess {
    if (!this.#process) throw new Error('there is no operator in this scene');
    return this.#process;
  }

  /** Everything that operators of this scene have said. */
  log(): string {
    return this.#logs + (this.#process ? readFileSync(this.#process.logFile, 'utf8') : '');
  }

  async start(program?: string): Promise<void> {
    const flags = this.#options.flags ?? ['--no-leader-election', '--watch-namespace', this.namespace];
    const what = program ?? this.#options.program ?? this.rig.program;
    this.#process = await startOperator(this.kubeconfig, ['--log-level', 'debug', ...flags], what);
  }

  /** SIGKILL; resolves when it is gone. Notes whether it had ended by itself. */
  async kill(): Promise<void> {
    if (!this.#process) return;
    if (this.#process.ended()) this.died = true;
    const last = this.#process;
    this.#logs = this.log();
    this.#process = undefined;
    await last.stop();
  }

  /** Sends a signal to the operator, if it runs. */
  signal(signal: NodeJS.Signals): void {
    if (!this.operator.ended()) process.kill(this.operator.pid, signal);
  }

  /** Does something to every open watch, of which there must be one. @returns how many there were */
  strikeWatches(what: string, deed: (watch: WatchRelay) => void): number {
    const watches = this.proxy.watches();
    if (watches.length === 0) throw new Error('the operator follows nothing: no watch is open');
    for (const watch of watches) deed(watch);
    this.strikes.push(...watches.map(() => what));
    return watches.length;
  }

  /** SIGUSR2 to an odd program; resolves when it has said that it does its odd thing. */
  async provoke(): Promise<void> {
    const before = oddLines(this.log()).length;
    this.signal('SIGUSR2');
    await this.until('the odd program has done what it is there for', () => oddLines(this.log()).length > before);
  }

  /** The operator's process stands still for so long. */
  async freeze(ms: number): Promise<void> {
    const { pid } = this.operator;
    this.signal('SIGSTOP');
    await this.until('the process stands still', () =>
      /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
    );
    await rest(ms);
    this.strikes.push(`frozen for ${ms} ms`);
    this.signal('SIGCONT');
  }

  /** Writes the operator's kubeconfig anew with this user. */
  writeUser(user: Readonly<Record<string, unknown>>): void {
    const { name } = RIG_USERS.operator;
    const config = JSON.parse(this.proxy.kubeconfig(name, '')) as { clusters: { name: string }[] };
    const clusters = config.clusters.map(one => (this.#cluster ? { ...one, cluster: this.#cluster } : one));
    writeFileSync(this.kubeconfig, JSON.stringify({ ...config, clusters, users: [{ name, user }] }), { mode: 0o600 });
  }

  /** Waits until something is so. */
  async until(what: string, check: () => boolean): Promise<void> {
    await this.stage.until(what, check);
  }

  /** Ends the operator and the proxy and throws away what there is of the Rollout. */
  async close(): Promise<void> {
    openScenes.delete(this);
    await this.kill();
    await this.proxy.close();
    if (this.stage.rollout) await this.stage.deleteRollout().catch(() => undefined);
  }
}

/** What odd programs have said that they did. */
export function oddLines(log: string): string[] {
  return log.split('\n').filter(line => line.startsWith('odd: '));
}

let scenes = 0;
const openScenes = new Set<Scene>();

/** Closes what a failed test left open: its operator would take part in the next one. */
export async function closeScenes(): Promise<void> {
  for (const scene of [...openScenes]) await scene.close();
}

/** Waits. */
export const rest = (ms: number): Promise<void> => sleep(ms);
