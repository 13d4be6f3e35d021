import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

interface Shipped {
  readonly apiVersion: string;
  readonly spec: {
    readonly args: readonly { readonly name: string; readonly value: string }[];
    readonly metrics: readonly Readonly<Record<string, unknown>>[];
  };
}

const FOLDER = join(import.meta.dirname, '../../../analysis-templates');

/**
 * A template of `analysis-templates/` in a team's namespace, its query as shipped, at the pace of the scenarios: it asks each
 * second about the last four, without an end, and one failure is allowed.
 */
export function shippedGate(namespace: string, name: string, threshold: unknown): Record<string, unknown> {
  const { apiVersion, spec } = load(readFileSync(join(FOLDER, `${name}.yaml`), 'utf8')) as Shipped;
  const args = spec.args.map(arg => (arg.name === 'window' ? { ...arg, value: '4s' } : arg));
  const metrics = spec.metrics.map(({ initialDelay: _, count: __, ...metric }) => ({
    ...metric,
    ...{ interval: '1s', failureLimit: 1, threshold },
  }));
  return { apiVersion, kind: 'AnalysisTemplate', metadata: { name, namespace }, spec: { args, metrics } };
}
