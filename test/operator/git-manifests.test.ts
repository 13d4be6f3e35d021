import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { adoptOurs } from '../../src/operator/git-sync/adopt-ours.ts';
import { readManifests } from '../../src/operator/git-sync/manifests.ts';

const configMap = (name: string, data = 'a: "1"') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {${data}}\n`;
const read = (files: Record<string, string>) =>
  readManifests(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    'shop',
  );
const refused = (files: Record<string, string>) => {
  const reading = read(files);
  return reading.ok ? 'was accepted' : reading.message;
};
const names = (files: Record<string, string>) => {
  const reading = read(files);
  return reading.ok ? reading.manifests.map(({ file, object }) => `${file}:${object.metadata.name}`) : reading.message;
};

describe('readManifests', () => {
  it('reads all documents of all files and says where they are from', () => {
    expect(
      names({
        'a.yaml': `${configMap('one')}---\n---\n# nothing\n---\n${configMap('two')}`,
        'b.json': JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'three' } }),
      }),
    ).toEqual(['a.yaml:one', 'a.yaml:two', 'b.json:three']);
  });

  it('opens a List', () => {
    const items = ['one', 'two'].map(name => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));
    expect(names({ 'list.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })).toEqual([
      'list.json:one',
      'list.json:two',
    ]);
  });

  it('passes over kustomization files', () => {
    expect(
      names({
        'kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n',
        'a.yaml': configMap('one'),
      }),
    ).toEqual(['a.yaml:one']);
  });

  it('refuses YAML that cannot be parsed, naming the file, in one line', () => {
    const message = refused({ 'good.yaml': configMap('one'), 'bad.yaml': 'a: [1, 2\nb: {' });
    expect(message).toMatch(/^bad\.yaml: /);
    expect(message).not.toContain('\n');
  });

  it('refuses the same object twice, naming both files, also when one leaves out its namespace', () => {
    const other = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: shop}\n';
    expect(refused({ 'a.yaml': configMap('one'), 'b.yaml': other })).toBe(
      'b.yaml: ConfigMap one is already declared in a.yaml',
    );
  });

  it.each([
    ['no name', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n', 'a.yaml: a ConfigMap has no metadata.name'],
    ['no metadata', 'apiVersion: v1\nkind: ConfigMap\n', 'a.yaml: a ConfigMap has no metadata.name'],
    [
      'a generated name',
      'apiVersion: v1\nkind: Job\nmetadata: {name: x, generateName: x-}\n',
      'a.yaml: Job x: generateName cannot be declared in Git',
    ],
    ['no kind', 'metadata: {name: x}\n', 'a.yaml: a document has no apiVersion or kind'],
    ['a text', 'just words\n', 'a.yaml: a document is not an object'],
    ['a tag that would run code', 'a: !!js/function "function(){}"\n', /^a\.yaml: /],
  ])('refuses %s', (_what, text, message) => {
    expect(refused({ 'a.yaml': text })).toMatch(message);
  });

  it('gives equal content an equal digest, whatever the order of its keys', () => {
    const digest = (text: string) => {
      const reading = read({ 'a.yaml': text });
      return reading.ok ? reading.manifests[0]?.digest : undefined;
    };
    expect(digest(configMap('x', 'a: "1", b: "2"'))).toBe(digest(configMap('x', 'b: "2", a: "1"')));
    expect(digest(configMap('x', 'a: "1"'))).not.toBe(digest(configMap('x', 'a: "2"')));
  });
});

const object = (kind: string, spec: Record<string, unknown>): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'shop' },
  spec,
});
const ref = (name: string, weight?: number) => ({ name, port: 80, ...(weight === undefined ? {} : { weight }) });
const route = (...rules: unknown[][]) =>
  object('HTTPRoute', { hostnames: ['shop.example'], rules: rules.map(backendRefs => ({ backendRefs })) });

describe('adoptOurs', () => {
  it('declares as it is what does not exist yet', () => {
    const declared = route([ref('stable', 100)]);
    expect(adoptOurs(declared, undefined)).toBe(declared);
  });

  it('leaves the weights of a running canary alone, by name, and nothing else', () => {
    const live = route([ref('canary', 30), ref('stable', 70)]);
    live.spec = { ...(live.spec as object), hostnames: ['edited.example'] };
    expect(adoptOurs(route([ref('stable', 100), ref('canary', 0)]), live)).toEqual(
      route([ref('stable', 70), ref('canary', 30)]),
    );
  });

  it('declares the weight of a backend or rule that is new', () => {
    const adopted = adoptOurs(
      route([ref('stable', 50), ref('new', 50)], [ref('other', 7)]),
      route([ref('stable', 80)]),
    );
    expect(adopted).toEqual(route([ref('stable', 80), ref('new', 50)], [ref('other', 7)]));
  });

  it('keeps the revision in a selector, and only that', () => {
    const live = object('Service', { selector: { app: 'shop', foreign: 'x', 'sluice.dev/pod-template-hash': 'abc' } });
    const adopted = adoptOurs(object('Service', { selector: { app: 'shop' }, ports: [] }), live);
    expect(adopted.spec).toEqual({ selector: { app: 'shop', 'sluice.dev/pod-template-hash': 'abc' }, ports: [] });
  });

  it('adopts nothing for other kinds', () => {
    const declared = object('ConfigMap', {});
    expect(adoptOurs(declared, object('ConfigMap', { selector: { 'sluice.dev/pod-template-hash': 'abc' } }))).toBe(
      declared,
    );
  });

  it('makes do with a route of no known shape', () => {
    const declared = object('HTTPRoute', { rules: ['text', { backendRefs: 'none' }, { backendRefs: [null] }] });
    expect(adoptOurs(declared, object('HTTPRoute', { rules: 'text' }))).toEqual(declared);
  });
});
