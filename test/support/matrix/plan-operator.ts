import { readFileSync } from 'node:fs';
import type { OperatorProcess } from '../operator-process.ts';

const LINES = 15;

/** The operator of a run, which is killed and started again. */
export class PlanOperator {
  readonly #start: () => Promise<OperatorProcess>;
  #running: Promise<OperatorProcess>;
  readonly #logs: string[] = [];
  /** When the latest process was started, milliseconds of `performance.now()`. */
  startedAt = performance.now();
  /** When the first process was killed; undefined: never. */
  killedAt: number | undefined;
  /** Whether one of its processes ended without having been killed. */
  died = false;

  constructor(start: () => Promise<OperatorProcess>) {
    this.#start = start;
    this.#running = start();
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.killedAt ??= performance.now();
    const running = await this.#running;
    if (running.ended()) this.died = true;
    this.#logs.push(readFileSync(running.logFile, 'utf8').split('\n').slice(-LINES).join('\n'));
    await running.stop();
  }

  /** Starts another one, which is up some time later. */
  restart(): void {
    this.startedAt = performance.now();
    this.#running = this.#start();
  }

  /** SIGKILL, and another one is on its way. */
  async replace(): Promise<void> {
    await this.kill();
    this.restart();
  }

  /** How often the latest process has looked at a Rollout and decided; 0 while it cannot be asked. */
  async passes(): Promise<number> {
    const { logFile } = await this.#running;
    const port = /"port":(\d+)/.exec(readFileSync(logFile, 'utf8'))?.[1];
    if (port === undefined) return 0;
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    const counts = (await answer?.text())?.matchAll(/^sluice_pass_seconds_count\S* (\d+)/gm) ?? [];
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** The last lines of every process that was killed. */
  logs(): string {
    return this.#logs.join('\n--- the next process ---\n');
  }
}
