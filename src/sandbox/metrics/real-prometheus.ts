import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Clock, TimerHandle } from '../../kube/clock.ts';
import { sleep } from '../../kube/sleep.ts';
import { listenOnLoopback } from '../workloads/loopback-server.ts';
import type { RunningMetrics } from './embedded-metrics.ts';
import type { ScrapeTarget } from './scrape-target.ts';

/** Input of {@link startRealPrometheus}. */
export interface RealPrometheusOptions {
  readonly program: string;
  readonly targets: () => readonly ScrapeTarget[];
  readonly intervalMs: number;
  readonly port: number | undefined;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * The prometheus program to run: the given one, SLUICE_PROMETHEUS, or the first on PATH; undefined when there is none, or when one of
 * the first two says `embedded`. @throws Error when a program that was named cannot be run
 */
export async function findPrometheus(given: string | undefined): Promise<string | undefined> {
  const named = given ?? process.env.SLUICE_PROMETHEUS;
  if (named === 'embedded') return undefined;
  if (named) {
    if (await isExecutable(named)) return named;
    throw new Error(`"${named}" is not an executable file: name the prometheus program, or "embedded" to do without`);
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const program = join(folder, 'prometheus');
    if (folder !== '' && (await isExecutable(program))) return program;
  }
  return undefined;
}

/** Runs Prometheus in a temporary folder over file_sd, on loopback. Ready when this resolves. @throws Error when it does not start in 30 s */
export async function startRealPrometheus(options: RealPrometheusOptions): Promise<RunningMetrics> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  await writeFile(join(folder, 'prometheus.json'), JSON.stringify(configuration(options.intervalMs)));
  const publisher = new TargetPublisher(options, join(folder, 'targets.json'));
  await publisher.publish();
  const args = [
    `--config.file=${join(folder, 'prometheus.json')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--storage.tsdb.retention.time=1h',
    '--log.level=warn',
  ];
  const child = spawn(options.program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr?.on('data', (chunk: Buffer) => options.log(`prometheus: ${chunk.toString().trim().slice(0, 500)}`));
  const ended = new Promise<void>(resolve => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  const stop = async () => {
    publisher.stop();
    const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(kill);
    await rm(folder, { recursive: true, force: true });
  };
  if (!(await becomesReady(url, child, options.clock))) {
    await stop();
    throw new Error(`${options.program} did not become ready on ${url} within 30 s`);
  }
  publisher.start();
  return { url, stop };
}

/** YAML is a superset of JSON. Targets carry their own labels; a path other than /metrics travels in `__metrics_path__`. */
function configuration(intervalMs: number): unknown {
  const interval = `${intervalMs}ms`;
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    scrape_configs: [{ job_name: 'sandbox', file_sd_configs: [{ files: ['targets.json'], refresh_interval: '1s' }] }],
  };
}

/** Writes the targets for file_sd whenever they change; the rename makes the change whole. */
class TargetPublisher {
  readonly #options: RealPrometheusOptions;
  readonly #file: string;
  #written = '';
  #timer: TimerHandle;
  #running = false;

  constructor(options: RealPrometheusOptions, file: string) {
    this.#options = options;
    this.#file = file;
  }

  async publish(): Promise<void> {
    const groups = this.#options.targets().map(({ address, path, labels }) => ({
      targets: [address],
      labels: { ...labels, __metrics_path__: path },
    }));
    const text = JSON.stringify(groups);
    if (text === this.#written) return;
    await writeFile(`${this.#file}.new`, text);
    await rename(`${this.#file}.new`, this.#file);
    this.#written = text;
  }

  start(): void {
    this.#running = true;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.publish()
        .catch(error => this.#options.log(`prometheus targets cannot be written: ${String(error)}`))
        .finally(() => {
          if (this.#running) this.start();
        });
    }, 200);
  }

  stop(): void {
    this.#running = false;
    this.#options.clock.clearTimeout(this.#timer);
  }
}

async function becomesReady(url: string, child: ChildProcess, clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + 30_000;
  while (clock.monotonic() < deadline && child.exitCode === null && child.pid !== undefined) {
    const ready = await fetch(`${url}/-/ready`).then(
      response => response.ok,
      () => false,
    );
    if (ready) return true;
    await sleep(clock, 100);
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = await listenOnLoopback(() => {});
  await server.close();
  return server.port;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
