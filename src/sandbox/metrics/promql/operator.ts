import type { BinaryOperator } from './expression.ts';

/** Operators that keep or drop an element. */
export function isComparison(operator: BinaryOperator): boolean {
  return ['==', '!=', '>', '<', '>=', '<='].includes(operator);
}

/** The result of arithmetic, or 1 and 0 for a comparison that holds or not. `%` has the sign of the left side, as in Go. */
export function calculate(operator: BinaryOperator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '==':
      return Number(left === right);
    case '!=':
      return Number(left !== right);
    case '>':
      return Number(left > right);
    case '<':
      return Number(left < right);
    case '>=':
      return Number(left >= right);
    case '<=':
      return Number(left <= right);
    default:
      throw new RangeError(`"${operator}" is no operation on numbers`);
  }
}
