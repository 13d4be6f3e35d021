import { afterAll, beforeAll, describe, expect } from 'vitest';
import { skipUnless } from '../binaries/availability.ts';
import { type Rig, type RigOptions, rigAvailability, startRig } from './rig.ts';
import type { RigOperator } from './rig-operator.ts';

/** Building what is missing takes minutes, once. */
const BUILD_MS = 20 * 60_000;
const STOP_MS = 120_000;

/** Time limit of one scenario: seconds on a free machine, much more on a busy one. */
export const SCENARIO_MS = 240_000;

/** What a log says when there is a bug: it has the message of an error, and its name and stack only where the process ended. */
const BUG =
  /unhandled|uncaught|(Type|Range|Reference|Syntax)Error|Cannot (read|set) propert|is not (a function|iterable|defined)|call stack|heap out of memory|^\s+at .+:\d+:\d+\)?$/i;

/** How to describe such a suite. */
export interface SuiteOptions extends RigOptions {
  /** The last line of an operator that may end by itself; when absent none may. */
  readonly lastWords?: RegExp;
}

/**
 * A suite with one rig of its own; skipped, or failed in CI, where a rig cannot run. `rig()` works inside of tests. It fails in the
 * end when an operator, also one that was started again since, has said that it has a bug or has ended by itself.
 */
export function describeOnRig(
  title: string,
  define: (rig: () => Rig) => void,
  { lastWords, ...options }: SuiteOptions = {},
): void {
  describe.skipIf(skipUnless(rigAvailability()))(title, () => {
    let started: Rig | undefined;
    let lives: Lives | undefined;
    beforeAll(async () => {
      started = await startRig(options);
      lives = followOperators(started, options.operator !== false);
    }, BUILD_MS);
    afterAll(async () => {
      try {
        if (lives) expect({ bugs: lives.bugs(), ends: lives.ends(lastWords) }).toEqual({ bugs: [], ends: [] });
      } finally {
        await started?.stop();
      }
    }, STOP_MS);
    define(() => {
      if (started === undefined) throw new Error('the rig is not up yet: call rig() inside of a test');
      return started;
    });
  });
}

/** What became of the operators of a rig. */
interface Lives {
  /** Lines that tell of a bug. */
  bugs(): string[];
  /** The last lines of those that ended without having been told to, and not with such a line. */
  ends(lastWords: RegExp | undefined): string[];
}

/** Follows the operators of a rig from now on; one that was started with it is there already. */
function followOperators(rig: Rig, hasOne: boolean): Lives {
  const operators: RigOperator[] = hasOne ? [rig.operator] : [];
  const failedStarts: string[] = [];
  const start = rig.startOperator;
  rig.startOperator = async (flags, program) => {
    try {
      const operator = await start(flags, program);
      operators.push(operator);
      return operator;
    } catch (error) {
      // It carries what an operator said that ended while it started.
      failedStarts.push(String(error));
      throw error;
    }
  };
  const linesOf = (text: string) => text.split('\n').filter(line => line !== '');
  return {
    bugs: () =>
      [...operators.map(operator => operator.log()), ...failedStarts].flatMap(linesOf).filter(line => BUG.test(line)),
    ends: lastWords => {
      const logs = operators.filter(operator => operator.ended()).map(operator => operator.log());
      const all = [...logs, ...failedStarts.filter(text => text.includes('ended while it started'))].map(linesOf);
      // Who is told to stop says so first.
      const byThemselves = all.filter(lines => !lines.some(line => line.includes('"message":"stopping"')));
      return byThemselves.map(lines => lines.at(-1) ?? 'nothing').filter(line => lastWords?.test(line) !== true);
    },
  };
}
