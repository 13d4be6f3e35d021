import type { BinaryExpression, Expression, ValueType } from './expression.ts';
import { FUNCTIONS } from './function-table.ts';
import { PromqlFailure } from './promql-failure.ts';

const LONG: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  string: 'string',
  vector: 'instant vector',
  matrix: 'range vector',
};

/** The type of an expression, after checking all types within as Prometheus does. @throws PromqlFailure `bad_data` */
export function checkTypes(expression: Expression): ValueType {
  switch (expression.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vector':
      return 'vector';
    case 'matrix':
      return 'matrix';
    case 'unary': {
      const type = checkTypes(expression.argument);
      if (type === 'scalar' || type === 'vector') return type;
      throw bad(`unary expression only allowed on expressions of type scalar or instant vector, got "${LONG[type]}"`);
    }
    case 'aggregate':
      expect('vector', expression.argument, `aggregation expression "${expression.operator}"`);
      return 'vector';
    case 'binary':
      return checkBinary(expression);
    case 'call':
      return checkCall(expression.name, expression.args);
  }
}

function checkBinary({ operator, bool, matching, left, right }: BinaryExpression): ValueType {
  const types = [checkTypes(left), checkTypes(right)];
  if (types.some(type => type !== 'scalar' && type !== 'vector')) {
    throw bad('binary expression must contain only scalar and instant vector types');
  }
  const isSet = ['and', 'or', 'unless'].includes(operator);
  const isComparison = ['==', '!=', '>', '<', '>=', '<='].includes(operator);
  const bothScalar = types.every(type => type === 'scalar');
  if (isSet && types.includes('scalar'))
    throw bad(`set operator "${operator}" not allowed in binary scalar expression`);
  if (isSet && matching.cardinality !== 'one-to-one') throw bad(`no grouping allowed for "${operator}" operation`);
  if (bool && !isComparison) throw bad('bool modifier can only be used on comparison operators');
  if (isComparison && !bool && bothScalar) throw bad('comparisons between scalars must use BOOL modifier');
  if (types.includes('scalar') && (matching.on || matching.labels.length > 0)) {
    throw bad('vector matching only allowed between instant vectors');
  }
  return bothScalar ? 'scalar' : 'vector';
}

function checkCall(name: string, args: readonly Expression[]): ValueType {
  const signature = FUNCTIONS[name];
  if (!signature) throw bad(`unknown function with name "${name}"`);
  const { args: types, optional = 0, returns } = signature;
  if (args.length < types.length - optional || args.length > types.length) {
    throw bad(`expected ${types.length} argument(s) in call to "${name}", got ${args.length}`);
  }
  for (const [index, argument] of args.entries())
    expect(types[index] ?? 'scalar', argument, `call to function "${name}"`);
  return returns;
}

function expect(wanted: ValueType, expression: Expression, where: string): void {
  const type = checkTypes(expression);
  if (type !== wanted) throw bad(`expected type ${LONG[wanted]} in ${where}, got ${LONG[type]}`);
}

function bad(message: string): PromqlFailure {
  return new PromqlFailure('bad_data', `parse error: ${message}`);
}
