import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ShareInterval, shareViolations } from './traffic-statistics.ts';
import type { TrafficMark, TrafficTimeline } from './traffic-timeline.ts';

/** One request through the gateway. */
export interface GatewayAnswer {
  readonly sentMs: number;
  readonly doneMs: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Which pod of which version answered; absent when none did, as with a 503 of the gateway itself. */
  readonly version: string | undefined;
  readonly pod: string | undefined;
  readonly error: string | undefined;
}

/** What to send where. */
export interface GatewayClientOptions {
  /** `http://127.0.0.1:port` of the gateway. */
  readonly url: string;
  readonly host: string;
  /** 50 when absent. */
  readonly perSecond?: number;
  /** 5000 when absent. */
  readonly timeoutMs?: number;
}

/** What a check may leave out. */
export interface TrafficCheck {
  /** Versions that are meant to be bad: a 5xx that one of their pods answered itself is no failure of the delivery. */
  readonly bad?: readonly string[];
  /** Left out before each change, and after the gateway has taken it in, when shares are counted; 300 when absent. */
  readonly settleMs?: number;
}

/** What was checked, for a test to see that it was not nothing. */
export interface TrafficReport {
  readonly requests: number;
  /** Answers by version, all along. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Weights of the canary at which at least 30 requests were counted, in order of time. */
  readonly weights: readonly number[];
  readonly intervals: readonly ShareInterval[];
  /** The longest that the gateway took to take in a change, milliseconds. */
  readonly slowestSettlingMs: number;
}

/** A client that never stops asking until it is ended. */
export interface GatewayClient {
  answers(): readonly GatewayAnswer[];
  /** Stops sending and waits for the last answers. */
  end(): Promise<void>;
  /**
   * Ends it and throws unless (a) no request failed but by a bad version's own doing and (b) each version got its share,
   * within what chance explains, whenever shares were constant.
   */
  check(options?: TrafficCheck): Promise<TrafficReport>;
}

const COUNTED = 30;
const FIRST_ANSWER_MS = 20_000;

/** Starts sending, at a steady pace, once the gateway has answered with 200 for the host. `writes`: see {@link judge}. */
export async function startGatewayClient(
  options: GatewayClientOptions,
  timeline: TrafficTimeline,
  writes: () => readonly number[] = () => [],
): Promise<GatewayClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const deadline = Date.now() + FIRST_ANSWER_MS;
  for (let first = await ask(options, agent); first.status !== 200; first = await ask(options, agent)) {
    if (Date.now() > deadline) throw new Error(`no route for ${options.host} yet: ${JSON.stringify(first)}`);
    await sleep(50);
  }
  const answers: GatewayAnswer[] = [];
  const open = new Set<Promise<void>>();
  const timer = setInterval(
    () => {
      const one = ask(options, agent).then(answer => {
        answers.push(answer);
        open.delete(one);
      });
      open.add(one);
    },
    1_000 / (options.perSecond ?? 50),
  );
  const end = async () => {
    clearInterval(timer);
    await Promise.all(open);
    agent.destroy();
  };
  const check = async (how: TrafficCheck = {}) => {
    await end();
    return judge(answers, timeline.marks(), how, writes());
  };
  return { answers: () => answers, end, check };
}

/**
 * Judges answers against what the gateway was told; throws what is wrong, all of it. Shares are counted from when the gateway was seen
 * to have taken in a change until the next one; `writes` are moments of changes that a watch may have shown late.
 */
export function judge(
  answers: readonly GatewayAnswer[],
  marks: readonly TrafficMark[],
  { bad = [], settleMs = 300 }: TrafficCheck,
  writes: readonly number[] = [],
): TrafficReport {
  const failures = answers.filter(({ status, version }) => {
    const ownDoing = version !== undefined && bad.includes(version);
    return !(status === 200 || (status >= 500 && ownDoing));
  });
  const lastMs = answers.at(-1)?.doneMs ?? 0;
  const stretches = marks.map(({ settledMs = Number.POSITIVE_INFINITY, ...mark }, index) => {
    const changes = [marks[index + 1]?.atMs ?? lastMs, ...writes.filter(atMs => atMs > settledMs)];
    return { ...mark, fromMs: settledMs + settleMs, toMs: Math.min(...changes) - settleMs };
  });
  const counted = stretches.flatMap(({ expected, canaryWeight, fromMs, toMs }) => {
    if (expected === undefined || fromMs > toMs) return [];
    const within = answers.filter(one => one.sentMs >= fromMs && one.doneMs <= toMs);
    return [{ canaryWeight, fromMs, toMs, expected, counts: countVersions(within) }];
  });
  const wrong = shareViolations(counted);
  if (failures.length + wrong.length > 0)
    throw new Error(
      [
        ...failures.slice(0, 10).map(one => `failed: ${describeAnswer(one)}`),
        `${failures.length} of ${answers.length} requests failed; ${new Set(wrong.map(one => one.fromMs)).size} of ${counted.length} intervals have wrong shares`,
        ...wrong.map(one => `share: ${JSON.stringify(one)}`),
        ...marks.map(
          mark =>
            `told at ${time(mark.atMs)} (settled ${mark.settledMs === undefined ? 'never' : time(mark.settledMs)}): ${mark.canaryWeight} % ${JSON.stringify(mark.expected)}`,
        ),
      ].join('\n'),
    );
  const enough = counted.filter(({ counts }) => Object.values(counts).reduce((sum, one) => sum + one, 0) >= COUNTED);
  const weights = enough.map(one => one.canaryWeight).filter((weight, index, all) => weight !== all[index - 1]);
  const slowestSettlingMs = Math.max(0, ...marks.map(({ atMs, settledMs = atMs }) => settledMs - atMs));
  return {
    requests: answers.length,
    byVersion: countVersions(answers),
    weights,
    intervals: counted,
    slowestSettlingMs,
  };
}

const time = (ms: number) => new Date(ms).toISOString().slice(11, 23);

function describeAnswer({ sentMs, doneMs, ...rest }: GatewayAnswer): string {
  return `${time(sentMs)} to ${time(doneMs)} ${JSON.stringify(rest)}`;
}

function countVersions(answers: readonly GatewayAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { version } of answers) if (version !== undefined) counts[version] = (counts[version] ?? 0) + 1;
  return counts;
}

function ask({ url, host, timeoutMs = 5_000 }: GatewayClientOptions, agent: Agent): Promise<GatewayAnswer> {
  const sentMs = Date.now();
  return new Promise(resolve => {
    const done = (status: number, body: string, error?: string) => {
      const { version, pod } = readBody(body);
      resolve({ sentMs, doneMs: Date.now(), status, version, pod, error });
    };
    const asking = request(url, { agent, headers: { host }, signal: AbortSignal.timeout(timeoutMs) }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        body += chunk;
      });
      response.on('end', () => done(response.statusCode ?? 0, body));
      response.on('error', error => done(0, '', error.message));
    });
    asking.on('error', error => done(0, '', error.message));
    asking.end();
  });
}

function readBody(body: string): { version?: string; pod?: string } {
  return body.startsWith('{') ? (JSON.parse(body) as { version: string; pod: string }) : {};
}
