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
  /** A time in which a test takes pods away: requests for which the gateway had none are no failures then. */
  readonly except?: { readonly fromMs: number; readonly toMs: number };
  /** Shares that last longer than this have to be counted; 5000 when absent. */
  readonly lastingMs?: number;
}

/** What was checked, for a test to see that it was not nothing. */
export interface TrafficReport {
  readonly requests: number;
  /** Answers by version, all along. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Weights of the canary at which at least 30 requests were counted, in order of time. */
  readonly weights: readonly number[];
  readonly intervals: readonly ShareInterval[];
  /** Failures within the time that was excepted. */
  readonly excused: readonly GatewayAnswer[];
  /** The longest that the gateway took to take in a change, milliseconds. */
  readonly slowestSettlingMs: number;
}

/** A client that never stops asking until it is ended. */
export interface GatewayClient {
  answers(): readonly GatewayAnswer[];
  /** Stops sending and waits for the last answers. */
  end(): Promise<void>;
  /**
   * Ends it and throws unless (a) no request failed but by a bad version's own doing, (b) each version got its share, within
   * what chance explains, whenever shares were constant, and (c) that was seen: some shares were counted, and all that lasted.
   */
  check(options?: TrafficCheck): Promise<TrafficReport>;
}

const COUNTED = 30;
/** Within that time a write that changed something is seen, or it has changed nothing. */
const LAGS_MS = 3_000;
const FIRST_ANSWER_MS = 20_000;
/** A test that is over sooner than anything could be counted is given so long. */
const COUNTING_MS = 10_000;

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
    const deadline = Date.now() + COUNTING_MS;
    const isCounted = () => countedIn(stretchesOf(answers, timeline.marks(), how, writes())).some(hasEnough);
    while (!isCounted() && Date.now() < deadline) await sleep(200);
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
  check: TrafficCheck,
  writes: readonly number[] = [],
): TrafficReport {
  const { bad = [], except } = check;
  const failed = answers.filter(({ status, version }) => {
    const ownDoing = version !== undefined && bad.includes(version);
    return !(status === 200 || (status >= 500 && ownDoing));
  });
  const isExcused = ({ version, sentMs, doneMs }: GatewayAnswer) =>
    except !== undefined && version === undefined && doneMs >= except.fromMs && sentMs <= except.toMs;
  const failures = failed.filter(one => !isExcused(one));
  const stretches = stretchesOf(answers, marks, check, writes);
  const counted = countedIn(stretches);
  const wrong = shareViolations(counted);
  const enough = counted.filter(hasEnough);
  const problems = [
    ...failures.slice(0, 10).map(one => `failed: ${describeAnswer(one)}`),
    ...wrong.map(one => `share: ${JSON.stringify(one)}`),
    ...(enough.length === 0 ? [`no shares were ever counted, of ${answers.length} requests`] : []),
    ...stretches.filter(one => one.unseen).map(one => `not counted: ${describeMark(one)}`),
  ];
  if (problems.length > 0)
    throw new Error(
      [
        ...problems,
        `${failures.length} of ${answers.length} requests failed; ${new Set(wrong.map(one => one.fromMs)).size} of ${counted.length} intervals have wrong shares`,
        ...marks.map(describeMark),
      ].join('\n'),
    );
  const weights = enough.map(one => one.canaryWeight).filter((weight, index, all) => weight !== all[index - 1]);
  const slowestSettlingMs = Math.max(0, ...marks.map(({ atMs, settledMs = atMs }) => settledMs - atMs));
  return {
    ...{ requests: answers.length, byVersion: countVersions(answers), weights, intervals: counted },
    ...{ excused: failed.filter(isExcused), slowestSettlingMs },
  };
}

/** A mark, the time within it that counts, and what was answered then. `unseen`: it lasted, and nothing was counted. */
interface Stretch extends TrafficMark {
  readonly fromMs: number;
  readonly toMs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly unseen: boolean;
}

function stretchesOf(
  answers: readonly GatewayAnswer[],
  marks: readonly TrafficMark[],
  { settleMs = 300, lastingMs = 5_000, except }: TrafficCheck,
  writes: readonly number[],
): Stretch[] {
  const firstMs = answers[0]?.sentMs ?? 0;
  const lastMs = answers.at(-1)?.doneMs ?? 0;
  return marks.map((mark, index) => {
    const { atMs, settledMs = Number.POSITIVE_INFINITY, expected } = mark;
    const endMs = Math.min(marks[index + 1]?.atMs ?? lastMs, lastMs);
    // The write that made a mark is earlier than it; one that changed nothing makes none.
    const later = writes.filter(writtenMs => writtenMs > (mark.settledMs ?? atMs));
    const changedMs = Math.min(endMs, ...later);
    const [fromMs, toMs] = [settledMs + settleMs, endMs - settleMs];
    const isDoubtful = ({ sentMs, doneMs }: GatewayAnswer) =>
      later.some(at => doneMs > at - settleMs && sentMs < at + LAGS_MS);
    const within = answers.filter(one => one.sentMs >= fromMs && one.doneMs <= toMs);
    const counts = countVersions(within.filter(one => !isDoubtful(one)));
    const isExcepted = except !== undefined && atMs <= except.toMs && endMs >= except.fromMs;
    const lasted = changedMs - Math.max(atMs, firstMs) > lastingMs;
    const unseen = lasted && !isExcepted && (expected === undefined || sum(counts) === 0);
    return { ...mark, fromMs, toMs, counts, unseen };
  });
}

function countedIn(stretches: readonly Stretch[]): (ShareInterval & Pick<TrafficMark, 'canaryWeight'>)[] {
  return stretches.flatMap(({ expected, canaryWeight, fromMs, toMs, counts }) =>
    expected === undefined || fromMs > toMs ? [] : [{ canaryWeight, fromMs, toMs, expected, counts }],
  );
}

const hasEnough = ({ counts }: ShareInterval) => sum(counts) >= COUNTED;

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, one) => all + one, 0);

const time = (ms: number) => new Date(ms).toISOString().slice(11, 23);

function describeMark({ atMs, settledMs, canaryWeight, expected }: TrafficMark): string {
  const settled = settledMs === undefined ? 'never' : time(settledMs);
  return `told at ${time(atMs)} (settled ${settled}): ${canaryWeight} % ${JSON.stringify(expected)}`;
}

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
