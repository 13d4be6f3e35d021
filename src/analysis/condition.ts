import { MAX_CONDITION_LENGTH } from '../api/analysis-template.ts';
import { CONDITION_ENVIRONMENTS, MAX_RESULT_LENGTH, type ResultShape } from './condition-environment.ts';
import { type ConditionShape, conditionShape } from './condition-shape.ts';

const MAX_COMPREHENSION_DEPTH = 1;
/** Compiled conditions kept; the oldest leaves first. */
const MAX_CACHED = 2000;

/**
 * A compiled condition. How it reads `result` is decided by the expression alone, so that a template means the same
 * whatever the query answers:
 * - where it treats `result` as a list ("result[0] >= 0.95", "len(result) == 0", "result.all(v, v < 5)") it is given
 *   a list, and a scalar becomes a list of one;
 * - otherwise ("result >= 0.95", "isNaN(result)") it is given the number, and a list of one is unwrapped.
 */
export interface Condition {
  readonly text: string;
  readonly reads: ResultShape;
  readonly shape: ConditionShape;
  readonly evaluate: (context: { readonly result: number | readonly number[] }) => unknown;
}

export type Compiled =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly message: string };

export type Evaluated =
  | { readonly ok: true; readonly holds: boolean }
  | { readonly ok: false; readonly message: string };

const compiled = new Map<string, Compiled>();

/** Compiles a condition and checks its types and limits; remembered, so that repeating it costs nothing. */
export function compileCondition(text: string): Compiled {
  const known = compiled.get(text);
  if (known) return known;
  const fresh = compile(text);
  if (compiled.size >= MAX_CACHED)
    for (const oldest of compiled.keys()) {
      compiled.delete(oldest);
      break;
    }
  compiled.set(text, fresh);
  return fresh;
}

function compile(text: string): Compiled {
  if (text.length > MAX_CONDITION_LENGTH) return refuse(text, `longer than ${MAX_CONDITION_LENGTH} characters`);
  const list = compileAs(text, 'list');
  if (list.ok) return list;
  const number = compileAs(text, 'number');
  if (number.ok) return number;
  // The error of the reading that the user meant: an index or a list function means a list.
  return /result\s*[[.]|len\s*\(/.test(text) ? list : number;
}

function compileAs(text: string, reads: ResultShape): Compiled {
  try {
    const program = CONDITION_ENVIRONMENTS[reads].parse(text);
    const shape = conditionShape(program.ast);
    if (shape.calls.has('matches')) return refuse(text, 'matches() is not available');
    if (shape.comprehensionDepth > MAX_COMPREHENSION_DEPTH)
      return refuse(text, 'a comprehension inside a comprehension is not available');
    const check = program.check();
    if (!check.valid) return refuse(text, firstLine(check.error));
    if (check.type !== 'bool') return refuse(text, `it gives ${check.type ?? 'no value'}, not true or false`);
    return { ok: true, condition: { text, reads, shape, evaluate: context => program(context) } };
  } catch (error) {
    return refuse(text, firstLine(error));
  }
}

/** Asks a condition about a result. Failing to answer (index out of range, several values) is a value, not a throw. */
export function evaluateCondition(condition: Condition, result: number | readonly number[]): Evaluated {
  const list = typeof result === 'number' ? [result] : result;
  if (list.length > MAX_RESULT_LENGTH)
    return { ok: false, message: `the result has ${list.length} values, more than ${MAX_RESULT_LENGTH}` };
  const [first] = list;
  if (condition.reads === 'number' && list.length > 1)
    return { ok: false, message: `result has ${list.length} values here: say which, for example result[0]` };
  try {
    const answer = condition.evaluate({ result: condition.reads === 'list' ? list : (first ?? Number.NaN) });
    if (typeof answer === 'boolean') return { ok: true, holds: answer };
    return { ok: false, message: 'it gives no true or false' };
  } catch (error) {
    return { ok: false, message: firstLine(error) };
  }
}

function refuse(text: string, why: string): Compiled {
  const shown = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return { ok: false, message: `condition "${shown}": ${why}` };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
