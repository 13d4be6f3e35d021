import { rolloutOf } from '../support/rig/shop-manifests.ts';

/** A Rollout that no admission would let in, or that is at the very edge of what it lets in. */
export interface Poison {
  readonly name: string;
  /** The whole object as JSON text: not all of it can be said by values of JavaScript. */
  readonly json: string;
  /** Written to the subresource `status` after the object, as JSON text. */
  readonly status?: string;
  /**
   * Some of the poison, as the API server gives it out with its schema in force again: it drops fields that the schema does
   * not know from what is stored already. Of a status as it is given out before: the operator writes it anew, without that.
   */
  readonly shows: string;
  /** What becomes of it: told as something that cannot be acted on, or served like any other. */
  readonly end: 'refused' | 'serves';
}

type Spec = Record<string, unknown> & {
  template: { metadata: { labels: Record<string, string>; annotations?: unknown }; spec: Record<string, unknown> };
  selector: { matchLabels: Record<string, string> };
};

/** Keys that would change an object's prototype, or hide behind it, if somebody copied them carelessly. */
const HARMLESS_WORDS = { constructor: 'x', toString: 'x', hasOwnProperty: 'x', valueOf: 'x' };
/** A literal `__proto__` in an object would set its prototype instead. */
const PROTO = 'PROTO-KEY';

/** How something nested begins. */
const DEEP = '{"in":[{"in":[{"in":[{"in":[';

export const POISON_NAMESPACE = 'poison';

/** All of them; each has a name and labels of its own, and no Services or route, so that they cannot disturb each other. */
export function poisonObjects(): Poison[] {
  return [
    refused('replicas-huge', '"replicas":1e+30', spec => ({ ...spec, replicas: 1e30 })),
    refused('replicas-unsafe', '"replicas":9007199254740993', spec => ({ ...spec, replicas: 'UNSAFE' })),
    refused('replicas-negative', '"replicas":-5', spec => ({ ...spec, replicas: -5 })),
    refused('replicas-text', '"replicas":"three"', spec => ({ ...spec, replicas: 'three' })),
    refused('steps-text', '"steps":"fast"', spec => ({ ...spec, strategy: { canary: { steps: 'fast' } } })),
    refused('steps-map', '"steps":{', spec => ({ ...spec, strategy: { canary: { steps: { length: 4 } } } })),
    refused('weight-infinite', '"setWeight":1e+300', spec => ({
      ...spec,
      strategy: { canary: { steps: [{ setWeight: 1e300 }] } },
    })),
    refused('strategy-list', '"strategy":["canary"]', spec => ({ ...spec, strategy: ['canary'] })),
    refused('strategy-both', '"blueGreen":{"activeService":"x"', spec => ({
      ...spec,
      strategy: { canary: {}, blueGreen: { activeService: 'x' } },
    })),
    refused('template-null', '"strategy":{"canary":{}}}', spec => ({ ...spec, template: null })),
    refused('template-text', '"template":"pods"', spec => ({ ...spec, template: 'pods' })),
    refused('template-containers-text', '"containers":"all"', spec => withPodSpec(spec, { containers: 'all' })),
    refused('template-annotation-map', DEEP, spec => withAnnotations(spec, { deep: nested(600) })),
    refused('template-proto-labels', '"__proto__":"x"', spec => withLabels(spec, { [PROTO]: 'x' })),
    refused('selector-number', '"matchLabels":7', spec => ({ ...spec, selector: { matchLabels: 7 } })),
    refused('spec-empty', '"spec":{"replicas":1}', () => ({})),
    refused('deep-step', DEEP, spec => ({
      ...spec,
      strategy: { canary: { steps: [{ setHeaderRoute: nested(600) }] } },
    })),
    refused('deep-lists', '[[[[[[[[', spec => ({ ...spec, strategy: { canary: { steps: lists(600) } } })),
    refused('x'.repeat(64), 'x'.repeat(64), spec => spec),
    refused('y'.repeat(200), 'y'.repeat(200), spec => spec),
    serves('z'.repeat(40), 'z'.repeat(40), spec => spec),
    serves('template-deep', DEEP, spec => withPodSpec(spec, { ...spec.template.spec, unknown: nested(600) })),
    serves('words-as-labels', '"hasOwnProperty":"x"', spec => withLabels(spec, HARMLESS_WORDS)),
    serves('words-as-annotations', '"hasOwnProperty":"x"', spec => withAnnotations(spec, HARMLESS_WORDS)),
    {
      ...serves('status-types', '"conditions":{}', spec => spec),
      status: text({ phase: 7, message: {}, stable: 'first', history: 'long', conditions: {}, weights: [] }),
    },
    {
      ...serves('status-proto', '"__proto__":{"phase":"x"}', spec => spec),
      status: text({ notices: [notice({ [PROTO]: { phase: 'x' }, ...HARMLESS_WORDS, deep: nested(600) })] }),
    },
    {
      ...serves('status-huge', 'm'.repeat(1_000), spec => spec),
      status: text({ phase: 'Progressing', message: 'm'.repeat(1_000_000) }),
    },
    {
      // It says itself that all is well.
      ...serves('status-long', '"podTemplateHash":"hash-2999"', spec => spec),
      status: text({ phase: 'Healthy', quarantine: manyEntries() }),
    },
  ];
}

function poison(name: string, end: Poison['end'], shows: string, change: (spec: Spec) => unknown): Poison {
  const label = name.slice(0, 60);
  const rollout = rolloutOf(POISON_NAMESPACE, { tag: '1.0.0', replicas: 1 });
  const spec = rollout['spec'] as Spec;
  const own: Spec = {
    ...spec,
    strategy: { canary: {} },
    selector: { matchLabels: { app: label } },
    template: { ...spec.template, metadata: { labels: { app: label } } },
  };
  const metadata = { name, namespace: POISON_NAMESPACE };
  return { name, end, shows, json: text({ ...rollout, metadata, spec: change(own) }) };
}

const refused = (name: string, shows: string, change: (spec: Spec) => unknown) =>
  poison(name, 'refused', shows, change);
const serves = (name: string, shows: string, change: (spec: Spec) => unknown) => poison(name, 'serves', shows, change);

/** 2^53 + 1 is a number that JSON has and JavaScript has not. */
function text(value: unknown): string {
  return JSON.stringify(value).replaceAll(PROTO, '__proto__').replaceAll('"UNSAFE"', '9007199254740993');
}

function withLabels(spec: Spec, more: Record<string, string>): Spec {
  const matchLabels = { ...spec.selector.matchLabels, ...more };
  const { metadata } = spec.template;
  const template = { ...spec.template, metadata: { ...metadata, labels: { ...metadata.labels, ...more } } };
  return { ...spec, selector: { matchLabels }, template };
}

function withAnnotations(spec: Spec, annotations: unknown): Spec {
  return { ...spec, template: { ...spec.template, metadata: { ...spec.template.metadata, annotations } } };
}

function withPodSpec(spec: Spec, podSpec: Record<string, unknown>): Spec {
  return { ...spec, template: { ...spec.template, spec: podSpec } };
}

/** Maps and lists in each other. */
export function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { in: value } : [value];
  return value;
}

/** Lists in lists: the API server drops unknown fields, which lists have none of. */
function lists(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function notice(content: unknown): unknown {
  return { id: 'poison', event: 'Started', at: '2026-01-01T00:00:00Z', content, pending: [] };
}

function manyEntries(): unknown[] {
  const at = '2026-01-01T00:00:00Z';
  return Array.from({ length: 3_000 }, (_, index) => ({
    ...{ podTemplateHash: `hash-${index}`, revision: index, reason: 'AnalysisFailed', at },
  }));
}
