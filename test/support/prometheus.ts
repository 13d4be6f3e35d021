import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChildProgram } from './control-plane/child-program.ts';
import { freePorts } from './control-plane/free-ports.ts';
import { makeTempFolder } from './control-plane/temp-folder.ts';
import { ensurePrometheus } from './prometheus-binary.ts';

/** What to scrape, and how often. */
export interface PrometheusOptions {
  /** `host:port` targets, scraped at `/metrics` as job `rig`. */
  readonly scrapeTargets?: readonly string[];
  /** A `file_sd` file, such as the fake kubelet's `targetsFile`, as job `pods`. New entries are seen after up to 5 s. */
  readonly targetsFile?: string;
  /** 1000 when absent; 200 works. */
  readonly scrapeIntervalMs?: number;
  readonly readyTimeoutMs?: number;
}

/** One series of an instant query. */
export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A running Prometheus of a test's own. */
export interface Prometheus {
  readonly url: string;
  /** An instant query whose result is a vector. */
  query(promql: string): Promise<PrometheusSeries[]>;
  /** SIGSTOP makes it take connections and never answer, SIGCONT lets it go on. */
  signal(name: NodeJS.Signals): void;
  /** Kills it, leaves it away for a while, starts it anew with the same data on the same port, and waits until it is ready. */
  restart(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a real Prometheus on a free port of 127.0.0.1 with its data in a temporary folder. The first scrape comes after about 5 s. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const program = await ensurePrometheus();
  const folder = makeTempFolder('sluice-prometheus');
  const [port] = (await freePorts(1)) as [number];
  const config = join(folder.path, 'prometheus.yml');
  writeFileSync(config, configuration(options));
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder.path, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const start = () => startChildProgram(program, flags, join(folder.path, 'prometheus.log'));
  let child = await start();
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await child.stop();
    await folder.remove();
  };
  const untilReady = async () => {
    const deadline = Date.now() + (options.readyTimeoutMs ?? 30_000);
    while (!(await isReady(url))) {
      if (child.ended() || Date.now() > deadline) {
        const tail = child.tail();
        await stop();
        throw new Error(`Prometheus did not become ready:\n${tail}`);
      }
      await sleep(50);
    }
  };
  await untilReady();
  const restart = async (downMs: number) => {
    await child.stop();
    await sleep(downMs);
    child = await start();
    await untilReady();
  };
  const signal = (name: NodeJS.Signals) => void process.kill(child.pid, name);
  return { url, query: promql => query(url, promql), signal, restart, stop };
}

/** The configuration file (JSON is YAML). */
function configuration(options: PrometheusOptions): string {
  const interval = `${options.scrapeIntervalMs ?? 1000}ms`;
  // The pods' own namespace and pod labels win over those of the target, as they are the same.
  const job = { honor_labels: true };
  return JSON.stringify({
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    scrape_configs: [
      ...(options.scrapeTargets
        ? [{ ...job, job_name: 'rig', static_configs: [{ targets: options.scrapeTargets }] }]
        : []),
      ...(options.targetsFile
        ? [{ ...job, job_name: 'pods', file_sd_configs: [{ files: [options.targetsFile], refresh_interval: '1s' }] }]
        : []),
    ],
  });
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok;
  } catch {
    return false;
  }
}

async function query(url: string, promql: string): Promise<PrometheusSeries[]> {
  const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: promql }) });
  const answer = (await response.json()) as {
    error?: string;
    data?: { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  if (answer.data?.resultType !== 'vector')
    throw new Error(`query ${promql}: ${answer.error ?? answer.data?.resultType}`);
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}
