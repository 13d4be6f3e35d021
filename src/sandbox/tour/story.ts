import type { RolloutStatus } from '../../api/rollout-status.ts';
import type { AlertReceiver } from './alert-receiver.ts';
import type { RolloutWatcher } from './watcher.ts';

/** Changes the repository as a developer would. */
export interface Developer {
  /** Commits the shop with another image. @returns the commit */
  deploy(image: string, message: string): Promise<string>;
  /** Reverts a commit. @returns the new commit */
  revert(commit: string): Promise<string>;
}

/** Told of what the tour is doing, in sentences. */
export type Narrator = (line: string) => void;

export interface StoryParts {
  readonly watcher: RolloutWatcher;
  readonly alerts: AlertReceiver;
  readonly developer: Developer;
  readonly tell: Narrator;
  /** Weight in percent that the gateway's route gives the canary now. */
  readonly weight: () => Promise<number>;
  /** Requests so far that a good version failed to answer. */
  readonly badAnswers: () => number;
}

/** One expectation of the tour and whether it held. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
}

const FIRST_MS = 30_000;
const STEPS_MS = 60_000;
const ABORT_MS = 45_000;

/** The tour: a good version, a bad one, the revert. @returns what was expected, and whether it happened */
export async function playTour(parts: StoryParts): Promise<Finding[]> {
  const findings: Finding[] = [];
  const check = (what: string, ok: boolean) => {
    findings.push({ what, ok });
    parts.tell(`${ok ? '✔' : '✖'} ${what}`);
    return ok;
  };
  const { watcher, developer, tell, alerts, weight } = parts;

  tell('1. An empty cluster. A developer commits shop:1.0.0.');
  await developer.deploy('shop:1.0.0', 'Deploy shop 1.0.0');
  check('the first revision is Healthy', await watcher.until(status => status.phase === 'Healthy', FIRST_MS));

  tell('2. A good version: shop:1.1.0 is committed. Watch it step to 100 %.');
  const good = await developer.deploy('shop:1.1.0', 'Deploy shop 1.1.0');
  const promoted = await watcher.until(
    status => status.phase === 'Healthy' && status.stable?.images?.[0] === 'shop:1.1.0',
    STEPS_MS,
  );
  check('revision 2 passed every gate and is stable', promoted);
  check(`status says where it came from: ${short(good)}`, sourceOf(watcher.status?.stable).includes(good));

  tell('3. A bad version: shop:1.2.0-err25 answers a quarter of the requests with 500.');
  const bad = await developer.deploy('shop:1.2.0-err25', 'Deploy shop 1.2.0');
  const aborted = await watcher.until(status => status.phase === 'Aborted', ABORT_MS);
  check('the canary aborted', aborted);
  const status = watcher.status;
  if (aborted && status?.abort) tellAbort(status, tell, bad);
  check('all traffic is back on revision 2', await eventually(async () => (await weight()) === 0, 10_000));
  check('the evidence names metric, value and threshold', hasEvidence(status));
  check(
    'the alert arrived, with the commit',
    await eventually(async () => alerts.alerts.some(alert => JSON.stringify(alert.body).includes(bad)), 10_000),
  );

  tell('4. Git still says 1.2.0. The developer reverts the commit.');
  await developer.revert(bad);
  check(
    'Healthy again, without steps: that version was verified',
    await watcher.until(s => s.phase === 'Healthy' && s.stable?.images?.[0] === 'shop:1.1.0', 20_000),
  );
  check(
    'recovery was told too',
    await eventually(async () => alerts.alerts.some(alert => JSON.stringify(alert.body).includes('Recovered')), 10_000),
  );
  check('no user of a good version saw a failure', parts.badAnswers() === 0);
  return findings;
}

function tellAbort(status: RolloutStatus, tell: Narrator, commit: string): void {
  const { abort, stable } = status;
  if (!abort) return;
  const { metric, measured, threshold, failures, limit } = abort.evidence ?? {};
  tell(`   Revision ${abort.revision} was ABORTED at step ${abort.step ?? '?'}, weight ${abort.weight ?? 0} %.`);
  tell(
    `   Why     ${metric ?? abort.cause}: measured ${measured ?? '?'}, wanted ${threshold ?? '?'}; ${failures ?? '?'} failed, ${limit ?? 0} allowed`,
  );
  tell(`   Serves  revision ${stable?.revision ?? '?'} (${stable?.images?.join(', ') ?? ''})`);
  tell(`   Git     still declares ${short(commit)}. It is not tried again until Git changes, or retry is sent.`);
}

function hasEvidence(status: RolloutStatus | undefined): boolean {
  const evidence = status?.abort?.evidence;
  return (
    evidence?.metric !== undefined &&
    Number(evidence.measured) < 0.95 &&
    evidence.threshold !== undefined &&
    evidence.query !== undefined
  );
}

function sourceOf(ref: { source?: { revision?: string | undefined } | undefined } | undefined): string {
  return ref?.source?.revision ?? '';
}

function short(commit: string): string {
  return commit.slice(0, 7);
}

async function eventually(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) return false;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return true;
}
