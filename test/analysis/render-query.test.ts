import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderQuery } from '../../src/analysis/render-query.ts';

const render = (template: string, args: Record<string, string>) => renderQuery(template, new Map(Object.entries(args)));

test.each<[string, string, string]>([
  ['up{a="{{args.x}}"}', 'shop', 'up{a="shop"}'],
  ['up{a="{{ args.x }}"}', 'shop', 'up{a="shop"}'],
  ['up{a="{{args.x}}"}', 'a"} or vector(1) #', 'up{a="a\\"} or vector(1) #"}'],
  ['up{a="{{args.x}}"}', 'a\\', 'up{a="a\\\\"}'],
  ["up{a='{{args.x}}'}", `a'"`, `up{a='a\\'"'}`],
  ['up{a=`{{args.x}}`}', 'a\\d', 'up{a=`a\\d`}'],
  ['up{a="\\"{{args.x}}"}', 'b"c', 'up{a="\\"b\\"c"}'],
  ['rate(x[{{args.x}}])', '5m', 'rate(x[5m])'],
  ['up > {{args.x}}', '-0.5', 'up > -0.5'],
  ['up > {{args.x}}', '1e-3', 'up > 1e-3'],
  ['sum by ({{args.x}}) (up)', 'pod', 'sum by (pod) (up)'],
  ['up # "\n > {{args.x}}', '1', 'up # "\n > 1'],
  ['up{pod=~"{{args.x}}-[a-z0-9]{5}"}', 'shop-7d4', 'up{pod=~"shop-7d4-[a-z0-9]{5}"}'],
])('%s with %s is %s', (template, x, expected) => {
  expect(render(template, { x })).toEqual({ ok: true, query: expected });
});

test.each<[string, Record<string, string>, string]>([
  ['up{a="{{args.x}}"}', {}, 'ArgumentMissing'],
  ['up{a="{{args.__proto__}}"}', {}, 'ArgumentMissing'],
  ['up{a="{{x}}"}', { x: '1' }, 'PlaceholderInvalid'],
  ['up{a="{{args.x"}', { x: '1' }, 'PlaceholderInvalid'],
  ['up{a="{{args.x}}"}', { x: 'a\nb' }, 'ArgumentUnsafe'],
  ['up{a="{{args.x}}"}', { x: 'a\u0000b' }, 'ArgumentUnsafe'],
  ['up{a=`{{args.x}}`}', { x: 'a`b' }, 'ArgumentUnsafe'],
  ['up > {{args.x}}', { x: '1 or up' }, 'ArgumentUnsafe'],
  ['up > {{args.x}}', { x: '1-up' }, 'ArgumentUnsafe'],
  ['up {{args.x}} up', { x: 'or' }, 'ArgumentUnsafe'],
  ['up > {{args.x}}', { x: '' }, 'ArgumentUnsafe'],
  ['rate(up[{{args.x}}])', { x: ':' }, 'ArgumentUnsafe'],
  ['rate(up[5m{{args.x}}])', { x: ':1m' }, 'ArgumentUnsafe'],
  ['up # {{args.x}}', { x: '1' }, 'ArgumentUnsafe'],
  ['up{a="{{args.x}}"}', { x: 'y'.repeat(16_384) }, 'QueryTooLong'],
])('%s with %o is refused as %s', (template, args, code) => {
  expect(render(template, args)).toMatchObject({ ok: false, code });
});

test('an argument that looks like an argument is not replaced again', () => {
  expect(render('up{a="{{args.x}}"}', { x: '{{args.y}}', y: '"' })).toEqual({ ok: true, query: 'up{a="{{args.y}}"}' });
});

function shape(query: string): string[] {
  const names: string[] = [];
  parser.parse(query).iterate({ enter: node => void names.push(node.name) });
  return names;
}

const BROKEN = '⚠';
const EXPRESSIONS = ['BinaryExpr', 'FunctionCall', 'AggregateExpr', 'SubqueryExpr', 'OffsetExpr', 'UnaryExpr'];
const count = (names: readonly string[], wanted: string) => names.filter(name => name === wanted).length;

test('whatever the argument is, the query keeps its syntax tree', () => {
  const templates: [string, string][] = [
    ['sum(rate(http{ns="{{args.x}}",code=~"5.."}[1m])) / 2', 'a'],
    ["sum(rate(http{ns='{{args.x}}'}[1m])) > 1", 'a'],
    ['sum(rate(http{ns=`{{args.x}}`}[1m])) > 1', 'a'],
    ['up > {{args.x}}', '1'],
    ['rate(up[{{args.x}}])', '5m'],
  ];
  const nasty = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('"', "'", '`', '\\', '{', '}', ')', '#', ' ', 'a', '1', '-', 'm', ':', '\n') }),
    fc.constantFrom('or', 'bool', '5m', '1', 'a', '-1', '1h30m', 'offset'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...templates), nasty, ([template, plain], x) => {
      const rendered = render(template, { x });
      const usual = render(template, { x: plain });
      if (!rendered.ok || !usual.ok) return usual.ok;
      const [seen, wanted] = [shape(rendered.query), shape(usual.query)];
      // Outside quotes a name, a number and a duration are different leaves, but never one more expression. What
      // Prometheus cannot parse, such as a name for a duration, it refuses.
      if (!/["'`]/.test(template))
        return seen.includes(BROKEN) || EXPRESSIONS.every(name => count(seen, name) <= count(wanted, name));
      return seen.join() === wanted.join();
    }),
    { numRuns: 2000 },
  );
});
