import { Environment } from '@marcbachmann/cel-js';

/** Largest number of nodes in a condition. */
const MAX_NODES = 200;
/** Deepest nesting of a condition. */
const MAX_DEPTH = 20;
/** Longest list that a condition may hold or be asked about. */
export const MAX_RESULT_LENGTH = 1000;

/** How an expression reads `result`: as a list ("result[0]") or as one number ("result"). */
export type ResultShape = 'list' | 'number';

/** The CEL environments of conditions, one for each way to read `result`. */
export const CONDITION_ENVIRONMENTS: Readonly<Record<ResultShape, Environment>> = {
  list: environment('list<double>'),
  number: environment('double'),
};

function environment(resultType: string): Environment {
  const env = new Environment({
    limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH, maxListElements: MAX_RESULT_LENGTH, maxMapEntries: 100 },
  }).registerVariable('result', resultType);
  registerFunctions(env);
  registerDefault(env);
  registerMixedArithmetic(env);
  return env;
}

/* Argo Rollouts' functions. A missing value is an empty list (vector) or NaN (number). */
function registerFunctions(env: Environment): void {
  env.registerFunction('len(list): int', (values: readonly unknown[]) => BigInt(values.length));
  for (const type of ['double', 'int']) {
    env.registerFunction(`isNaN(${type}): bool`, (value: number | bigint) => Number.isNaN(Number(value)));
    env.registerFunction(`isInf(${type}): bool`, (value: number | bigint) => Math.abs(Number(value)) === Infinity);
    env.registerFunction(`isNil(${type}): bool`, (value: number | bigint) => Number.isNaN(Number(value)));
    env.registerFunction(`asInt(${type}): int`, (value: number | bigint) => BigInt(Math.trunc(Number(value))));
    env.registerFunction(`asFloat(${type}): double`, (value: number | bigint) => Number(value));
  }
  env.registerFunction('isNil(list<double>): bool', (values: readonly unknown[]) => values.length === 0);
}

/** The parts of cel-js's evaluator that a macro needs; its own types leave them out. */
interface Checker {
  check(ast: unknown, context: unknown): { readonly type?: string; toString(): string };
  getType(name: string): unknown;
  createError(code: string, message: string, ast: unknown): Error;
}
interface Evaluator {
  run(ast: unknown, context: unknown): unknown;
}

/*
 * default(value, other): a macro, because `default(result[0], 0)` has to survive an empty list.
 */
function registerDefault(env: Environment): void {
  env.registerFunction('default(ast, ast): double', ({ args }: { args: readonly [unknown, unknown] }) => ({
    args,
    async: false,
    typeCheck(checker: Checker, _macro: unknown, context: unknown) {
      for (const [position, arg] of args.entries()) {
        const type = checker.check(arg, context).toString();
        const allowed = position === 0 ? ['double', 'int', 'list<double>'] : ['double', 'int'];
        if (!allowed.includes(type)) throw checker.createError('no_such_overload', `default() takes no ${type}`, arg);
      }
      return checker.getType('double');
    },
    evaluate(evaluator: Evaluator, _macro: unknown, context: unknown) {
      const value = present(() => evaluator.run(args[0], context));
      return Number(value ?? evaluator.run(args[1], context));
    },
  }));
}

/* A number, or undefined for what Argo Rollouts calls nil: an empty list, an index beyond it, NaN. */
function present(evaluate: () => unknown): number | undefined {
  try {
    const value = evaluate();
    const first = Number(Array.isArray(value) ? value[0] : value);
    return Number.isNaN(first) ? undefined : first;
  } catch {
    return undefined;
  }
}

/* CEL keeps int and double apart; users see numbers only, so `result[0] * 100 == 5` has to work. */
function registerMixedArithmetic(env: Environment): void {
  const operations: Readonly<Record<string, (a: number, b: number) => number | boolean>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '==': (a, b) => a === b,
  };
  for (const [operator, operation] of Object.entries(operations)) {
    const mixed = (a: number | bigint, b: number | bigint) => operation(Number(a), Number(b));
    const type = operator === '==' ? 'bool' : 'double';
    env.registerOperator(`double ${operator} int: ${type}`, mixed);
    // The library derives int == double and both != itself.
    if (operator !== '==') env.registerOperator(`int ${operator} double: ${type}`, mixed);
  }
}
