import type { ASTNode } from '@marcbachmann/cel-js';

const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'existsOne', 'map', 'filter']);
/** Functions with which a condition says that it expects an empty answer. */
const EMPTY_AWARE: readonly string[] = ['len', 'size', 'default', 'isNil'];

/** What a condition does, read from its syntax tree. */
export interface ConditionShape {
  /** Every function and macro it calls. */
  readonly calls: ReadonlySet<string>;
  /** Deepest comprehension inside the body of a comprehension: 1 for `result.all(v, v < 1)`, 2 for one in it. */
  readonly comprehensionDepth: number;
  readonly handlesNaN: boolean;
  readonly handlesInfinity: boolean;
  readonly handlesEmpty: boolean;
  /** It looks at every series, so that more than one is no mistake. */
  readonly handlesManySeries: boolean;
}

/** Reads the shape of a parsed condition. */
export function conditionShape(ast: ASTNode): ConditionShape {
  const calls = new Set<string>();
  const comprehensionDepth = visit(ast, calls);
  return {
    calls,
    comprehensionDepth,
    handlesNaN: calls.has('isNaN') || calls.has('default') || calls.has('isNil'),
    handlesInfinity: calls.has('isInf'),
    handlesEmpty: EMPTY_AWARE.some(name => calls.has(name)),
    handlesManySeries: comprehensionDepth > 0,
  };
}

/* Returns how deep comprehensions are nested in a node ({op, args}), a list of nodes, or a leaf. */
function visit(node: unknown, calls: Set<string>): number {
  if (Array.isArray(node)) return node.reduce<number>((deepest, child) => Math.max(deepest, visit(child, calls)), 0);
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return 0;
  const { op, args } = node;
  if (op === 'value') return 0;
  const [name, receiver, body] = (op === 'call' || op === 'rcall') && Array.isArray(args) ? (args as unknown[]) : [];
  if (typeof name === 'string') calls.add(name);
  if (op === 'rcall' && typeof name === 'string' && COMPREHENSIONS.has(name))
    return Math.max(visit(receiver, calls), 1 + visit(body, calls));
  return visit(args, calls);
}
