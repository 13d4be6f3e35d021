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
  /** Whether one of its processes ended without having been killed. */
  died = false;

  constructor(start: () => Promise<OperatorProcess>) {
    this.#start = start;
    this.#running = start();
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
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

  /** The last lines of every process that was killed. */
  logs(): string {
    return this.#logs.join('\n--- the next process ---\n');
  }
}
