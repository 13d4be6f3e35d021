import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChildProgram } from '../../support/control-plane/child-program.ts';
import { freePorts } from '../../support/control-plane/free-ports.ts';
import { imageEnvironment } from '../../support/image-environment.ts';
import { LineTail } from '../measure/line-tail.ts';
import { cpuSeconds, residentMb } from '../measure/process-meter.ts';
import { ToldEvents } from '../measure/told-events.ts';

/** The operator under measurement: its bundle, in a process of its own. */
export interface BenchOperator {
  readonly pid: number;
  /** Epoch milliseconds right before the process was started. */
  readonly startedAt: number;
  /** Waits until all caches are synced and it leads. @returns milliseconds from the start of the process to either */
  untilLeading(timeoutMs: number): Promise<{ readonly syncedMs: number; readonly leadingMs: number }>;
  /** How many events it told so far about each Rollout, by its log: one line with a reason each. */
  told(): ReadonlyMap<string, number>;
  /** Resident memory, MB; undefined once it is gone. */
  rssMb(): number | undefined;
  /** CPU seconds that it has used; what was last seen of one that is gone. */
  cpu(): number;
  /** Whether the process has ended by itself. */
  ended(): boolean;
  /** SIGTERM, and waits for its orderly end: the lease is given back. */
  terminate(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const TERMINATION_MS = 40_000;
/** For an answer of the operator about itself. */
const ASKED_MS = 2_000;

/** Starts it. `folder` takes its log. */
export async function startBenchOperator(program: string, kubeconfig: string, folder: string): Promise<BenchOperator> {
  const [port = 0] = await freePorts(1);
  const startedAt = Date.now();
  const logFile = join(folder, `operator-${startedAt}.log`);
  const args = [program, 'operator', '--kubeconfig', kubeconfig, '--port', String(port), '--host', '127.0.0.1'];
  const child = await startChildProgram(process.execPath, args, logFile, { env: imageEnvironment() });
  const log = new LineTail(logFile);
  const told = new ToldEvents();
  let cpu = 0;
  const end = async () => {
    log.close();
    await child.stop();
  };
  return {
    pid: child.pid,
    startedAt,
    ended: child.ended,
    rssMb: () => residentMb(child.pid),
    cpu: () => {
      cpu = cpuSeconds(child.pid) ?? cpu;
      return cpu;
    },
    told: () => {
      log.read(line => told.read(line));
      return told.byRollout;
    },
    untilLeading: async timeoutMs => {
      let syncedMs: number | undefined;
      while (Date.now() < startedAt + timeoutMs) {
        if (child.ended()) throw new Error(`the operator ended:\n${child.tail()}`);
        const { status, text } = await ask(port);
        if (status === 200) syncedMs ??= Date.now() - startedAt;
        if (syncedMs !== undefined && text.includes('leading')) return { syncedMs, leadingMs: Date.now() - startedAt };
        // A standby may wait for seconds; asking it all the time would keep it from its work.
        await sleep(syncedMs === undefined ? 5 : 25);
      }
      throw new Error(`the operator did not lead after ${timeoutMs / 1000} s:\n${child.tail()}`);
    },
    terminate: async () => {
      if (!child.ended()) process.kill(child.pid, 'SIGTERM');
      for (const deadline = Date.now() + TERMINATION_MS; !child.ended() && Date.now() < deadline; ) await sleep(20);
      await end();
    },
    kill: end,
  };
}

async function ask(port: number): Promise<{ status: number; text: string }> {
  try {
    const outgoing = request({ host: '127.0.0.1', port, path: '/readyz', agent: false, timeout: ASKED_MS });
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    return { status: answer.statusCode ?? 0, text };
  } catch {
    return { status: 0, text: '' };
  }
}
