import { rolloutOf } from '../support/rig/shop-manifests.ts';

/** A Rollout that no admission would let in, or that is at the very edge of what it lets in. */
export interface Poison {
  readonly name: string;
  /** The whole object as JSON text: not all of it can be said by values of JavaScript. */
  readonly json: string;
  /** Written to the subresource `status` after the object, as JSON text. */
  readonly status?: string;
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

export const POISON_NAMESPACE = 'poison';

/** All of them; each has a name and labels of its own, and no Services or route, so that they cannot disturb each other. */
export function poisonObjects(): Poison[] {
  return [
    refused('replicas-huge', spec => ({ ...spec, replicas: 1e30 })),
    refused('replicas-unsafe', spec => ({ ...spec, replicas: 'UNSAFE' })),
    refused('replicas-negative', spec => ({ ...spec, replicas: -5 })),
    refused('replicas-text', spec => ({ ...spec, replicas: 'three' })),
    refused('steps-text', spec => ({ ...spec, strategy: { canary: { steps: 'fast' } } })),
    refused('steps-map', spec => ({ ...spec, strategy: { canary: { steps: { length: 4 } } } })),
    refused('weight-infinite', spec => ({ ...spec, strategy: { canary: { steps: [{ setWeight: 1e300 }] } } })),
    refused('strategy-list', spec => ({ ...spec, strategy: ['canary'] })),
    refused('strategy-both', spec => ({ ...spec, strategy: { canary: {}, blueGreen: { activeService: 'x' } } })),
    refused('template-null', spec => ({ ...spec, template: null })),
    refused('template-text', spec => ({ ...spec, template: 'pods' })),
    refused('template-containers-text', spec => withPodSpec(spec, { containers: 'all' })),
    refused('template-annotation-map', spec => withAnnotations(spec, { deep: nested(600) })),
    refused('template-proto-labels', spec => withLabels(spec, { [PROTO]: 'x' })),
    refused('selector-number', spec => ({ ...spec, selector: { matchLabels: 7 } })),
    refused('spec-empty', () => ({})),
    refused('deep-strategy', spec => ({ ...spec, strategy: nested(600) })),
    refused('x'.repeat(64), spec => spec),
    refused('y'.repeat(200), spec => spec),
    serves('z'.repeat(40), spec => spec),
    serves('template-deep', spec => withPodSpec(spec, { ...spec.template.spec, unknown: nested(600) })),
    serves('words-as-labels', spec => withLabels(spec, HARMLESS_WORDS)),
    serves('words-as-annotations', spec => withAnnotations(spec, HARMLESS_WORDS)),
    {
      ...serves('status-types', spec => spec),
      status: text({
        phase: 7,
        message: {},
        stable: 'first',
        history: 'long',
        conditions: {},
        weights: [],
        [PROTO]: { phase: 'x' },
      }),
    },
    { ...serves('status-huge', spec => spec), status: text({ phase: 'Progressing', message: 'm'.repeat(1_000_000) }) },
    { ...serves('status-long', spec => spec), status: text({ phase: 'Healthy', quarantine: manyEntries() }) },
  ];
}

function poison(name: string, end: Poison['end'], change: (spec: Spec) => unknown): Poison {
  const label = name.slice(0, 60);
  const rollout = rolloutOf(POISON_NAMESPACE, { tag: '1.0.0', replicas: 1 });
  const spec = rollout['spec'] as Spec;
  const own: Spec = {
    ...spec,
    strategy: { canary: {} },
    selector: { matchLabels: { app: label } },
    template: { ...spec.template, metadata: { labels: { app: label } } },
  };
  return { name, end, json: text({ ...rollout, metadata: { name, namespace: POISON_NAMESPACE }, spec: change(own) }) };
}

const refused = (name: string, change: (spec: Spec) => unknown) => poison(name, 'refused', change);
const serves = (name: string, change: (spec: Spec) => unknown) => poison(name, 'serves', change);

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

function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { in: value } : [value];
  return value;
}

function manyEntries(): unknown[] {
  const at = '2026-01-01T00:00:00Z';
  return Array.from({ length: 3_000 }, (_, index) => ({
    ...{ podTemplateHash: `hash-${index}`, revision: index, reason: 'AnalysisFailed', at },
  }));
}
