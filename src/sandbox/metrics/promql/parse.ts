import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { METRIC_NAME } from '../labels.ts';
import { checkTypes } from './check-types.ts';
import type { AggregateOperator, BinaryOperator, Expression, VectorMatching, VectorSelector } from './expression.ts';
import { FUNCTIONS } from './function-table.ts';
import type { LabelMatcher, MatchOperator } from './label-matcher.ts';
import { labelMatcher } from './label-matcher.ts';
import { promDurationMs, promNumber, promString } from './literals.ts';
import { notInSubset, PromqlFailure } from './promql-failure.ts';

const BINARY: readonly string[] = ['+', '-', '*', '/', '%', '==', '!=', '>', '<', '>=', '<=', 'and', 'or', 'unless'];
const AGGREGATES: readonly string[] = ['sum', 'avg', 'min', 'max', 'count'];
const LONGEST_QUERY = 10_000;

/** Parses a query with Prometheus' own grammar into the subset that is known here. @throws PromqlFailure `bad_data` */
export function parsePromql(query: string): Expression {
  if (query.length > LONGEST_QUERY) throw new PromqlFailure('bad_data', `the query is longer than ${LONGEST_QUERY}`);
  if (query.trim() === '')
    throw new PromqlFailure('bad_data', 'unknown position: parse error: no expression found in input');
  const tree = parser.parse(query);
  tree.iterate({
    enter: node => {
      if (!node.type.isError) return;
      throw new PromqlFailure('bad_data', syntaxError(query, node.from, node.to));
    },
  });
  const top = tree.topNode.firstChild;
  if (!top) throw new PromqlFailure('bad_data', 'unknown position: parse error: no expression found in input');
  const expression = new Reader(query).read(top);
  checkTypes(expression);
  return expression;
}

class Reader {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  read(node: SyntaxNode): Expression {
    switch (node.name) {
      case 'NumberDurationLiteral':
        return { kind: 'number', value: promNumber(this.#text(node)) };
      case 'StringLiteral':
        return { kind: 'string', value: promString(this.#text(node)) };
      case 'ParenExpr':
        return this.read(this.#child(node));
      case 'UnaryExpr': {
        const negative = this.#text(this.#child(node)) === '-';
        return { kind: 'unary', negative, argument: this.read(this.#last(node)) };
      }
      case 'VectorSelector':
        return this.#selector(node);
      case 'MatrixSelector':
        return this.#matrix(node);
      case 'BinaryExpr':
        return this.#binary(node);
      case 'AggregateExpr':
        return this.#aggregate(node);
      case 'FunctionCall':
        return this.#call(node);
      case 'OffsetExpr':
        throw notInSubset('"offset"');
      case 'SubqueryExpr':
        throw notInSubset('a subquery ("[range:step]")');
      case 'StepInvariantExpr':
        throw notInSubset('the "@" modifier');
      default:
        throw notInSubset(`"${this.#text(node)}" (${node.name})`);
    }
  }

  #selector(node: SyntaxNode): VectorSelector {
    const name = node.getChild('Identifier');
    const matchers: LabelMatcher[] = name ? [labelMatcher(METRIC_NAME, '=', this.#text(name))] : [];
    const list = node.getChild('LabelMatchers');
    for (const entry of list ? children(list) : []) {
      const parts = children(entry);
      const [first, operator, value] = parts;
      if (entry.name === 'QuotedLabelName') {
        matchers.push(labelMatcher(METRIC_NAME, '=', promString(this.#text(entry))));
      } else if (first && operator && value) {
        const label = first.name === 'LabelName' ? this.#text(first) : promString(this.#text(first));
        if (label === METRIC_NAME && name) {
          throw new PromqlFailure('bad_data', `metric name must not be set twice: "${this.#text(name)}"`);
        }
        matchers.push(labelMatcher(label, this.#text(operator) as MatchOperator, promString(this.#text(value))));
      }
    }
    if (matchers.every(matcher => matcher.test(''))) {
      throw new PromqlFailure('bad_data', 'vector selector must contain at least one non-empty matcher');
    }
    return { kind: 'vector', matchers };
  }

  #matrix(node: SyntaxNode): Expression {
    const selector = this.read(this.#child(node));
    if (selector.kind !== 'vector') {
      throw new PromqlFailure('bad_data', 'ranges only allowed for vector selectors');
    }
    const duration = node.getChild('DurationExpr');
    const text = duration ? this.#text(duration) : '';
    const rangeMs = promDurationMs(text);
    if (rangeMs === undefined) throw notInSubset(`the duration "${text}"`);
    if (rangeMs <= 0) throw new PromqlFailure('bad_data', 'duration must be greater than 0');
    return { kind: 'matrix', selector, rangeMs };
  }

  #binary(node: SyntaxNode): Expression {
    const parts = children(node);
    const operator = this.#text(parts[1] ?? node).toLowerCase();
    if (!BINARY.includes(operator)) throw notInSubset(`the operator "${operator}"`);
    if (node.getChild('FillModifier')) throw notInSubset('"fill"');
    const clause = node.getChild('MatchingModifierClause');
    return {
      kind: 'binary',
      operator: operator as BinaryOperator,
      bool: node.getChild('BoolModifier') !== null,
      matching: this.#matching(clause),
      left: this.read(this.#child(node)),
      right: this.read(this.#last(node)),
    };
  }

  #matching(clause: SyntaxNode | null): VectorMatching {
    if (!clause) return { on: false, labels: [], cardinality: 'one-to-one', include: [] };
    const [labels, include] = clause.getChildren('GroupingLabels');
    const left = clause.getChild('GroupLeft') !== null;
    const right = clause.getChild('GroupRight') !== null;
    return {
      on: clause.getChild('On') !== null,
      labels: labels ? this.#labelNames(labels) : [],
      cardinality: left ? 'many-to-one' : right ? 'one-to-many' : 'one-to-one',
      include: include ? this.#labelNames(include) : [],
    };
  }

  #aggregate(node: SyntaxNode): Expression {
    const operatorNode = node.getChild('AggregateOp');
    const operator = operatorNode ? this.#text(operatorNode).toLowerCase() : '';
    if (!AGGREGATES.includes(operator)) throw notInSubset(`the aggregation "${operator}"`);
    const body = node.getChild('FunctionCallBody');
    const args = body ? children(body) : [];
    if (args.length !== 1 || !args[0]) {
      throw new PromqlFailure(
        'bad_data',
        `wrong number of arguments for aggregate expression ${operator}: ${args.length}`,
      );
    }
    const modifier = node.getChild('AggregateModifier');
    const grouping = modifier?.getChild('GroupingLabels');
    return {
      kind: 'aggregate',
      operator: operator as AggregateOperator,
      without: Boolean(modifier?.getChild('Without')),
      labels: grouping ? this.#labelNames(grouping) : [],
      argument: this.read(args[0]),
    };
  }

  #call(node: SyntaxNode): Expression {
    const identifier = node.getChild('FunctionIdentifier');
    const name = identifier ? this.#text(identifier) : '';
    if (!Object.hasOwn(FUNCTIONS, name)) throw notInSubset(`the function "${name}"`);
    const body = node.getChild('FunctionCallBody');
    return { kind: 'call', name, args: (body ? children(body) : []).map(argument => this.read(argument)) };
  }

  #labelNames(node: SyntaxNode): string[] {
    return children(node).map(name => (name.name === 'LabelName' ? this.#text(name) : promString(this.#text(name))));
  }

  #text(node: SyntaxNode): string {
    return this.#query.slice(node.from, node.to);
  }

  #child(node: SyntaxNode): SyntaxNode {
    return node.firstChild ?? node;
  }

  #last(node: SyntaxNode): SyntaxNode {
    return node.lastChild ?? node;
  }
}

/** Says where the parser stopped, as Prometheus does; a function that PromQL does not have is named. */
function syntaxError(query: string, from: number, to: number): string {
  const before = query.slice(0, from);
  const place = `${before.split('\n').length}:${from - before.lastIndexOf('\n')}: parse error`;
  const called = /([A-Za-z_]\w*)\s*$/.exec(before)?.[1];
  if (query[from] === '(' && called !== undefined) return `${place}: unknown function with name "${called}"`;
  const found = query.slice(from, to).trim();
  return found === '' ? `${place}: unexpected end of input` : `${place}: unexpected ${JSON.stringify(found)}`;
}

/** Children of a node, comments left out. */
function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'LineComment') found.push(child);
  }
  return found;
}
