import { describe, expect, it } from 'vitest';
import { readManifests } from '../../src/operator/git-sync/manifests.ts';

const configMap = (name: string, data = 'a: "1"') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {${data}}\n`;
const read = (files: Record<string, string>) =>
  readManifests(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    'shop',
  );
const refused = async (files: Record<string, string>) => {
  const reading = await read(files);
  return reading.ok ? 'was accepted' : reading.message;
};
const names = async (files: Record<string, string>) => {
  const reading = await read(files);
  return reading.ok ? reading.manifests.map(({ file, object }) => `${file}:${object.metadata.name}`) : reading.message;
};

describe('readManifests', () => {
  it('reads all documents of all files and says where they are from', async () => {
    expect(
      await names({
        'a.yaml': `${configMap('one')}---\n---\n# nothing\n---\n${configMap('two')}`,
        'b.json': JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'three' } }),
      }),
    ).toEqual(['a.yaml:one', 'a.yaml:two', 'b.json:three']);
  });

  it('opens a List', async () => {
    const items = ['one', 'two'].map(name => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));
    expect(await names({ 'list.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })).toEqual([
      'list.json:one',
      'list.json:two',
    ]);
  });

  it('passes over kustomization files', async () => {
    expect(
      await names({
        'kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n',
        'a.yaml': configMap('one'),
      }),
    ).toEqual(['a.yaml:one']);
  });

  it('refuses YAML that cannot be parsed, naming the file, in one line', async () => {
    const message = await refused({ 'good.yaml': configMap('one'), 'bad.yaml': 'a: [1, 2\nb: {' });
    expect(message).toMatch(/^bad\.yaml: /);
    expect(message).not.toContain('\n');
  });

  it('refuses the same object twice, naming both files, also when one leaves out its namespace', async () => {
    const other = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: shop}\n';
    expect(await refused({ 'a.yaml': configMap('one'), 'b.yaml': other })).toBe(
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
    [
      'a name that would lead elsewhere in the API',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../secrets/x}\n',
      'a.yaml: ConfigMap ../secrets/x: metadata.name "../secrets/x" cannot be a name',
    ],
    [
      'a version that would lead elsewhere in the API',
      'apiVersion: ../../version\nkind: ConfigMap\nmetadata: {name: x}\n',
      'a.yaml: ConfigMap x: apiVersion "../../version" is not <group>/<version> or <version>',
    ],
    [
      'a namespace that is no text',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: 5}\n',
      'a.yaml: ConfigMap x: metadata.namespace 5 cannot be a name',
    ],
    [
      'a label that YAML does not read as text',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {on-call: true}}\n',
      'a.yaml: ConfigMap x: metadata.labels on-call is not a text; put it in quotes',
    ],
    [
      'labels that are no map',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: abc}\n',
      'a.yaml: ConfigMap x: metadata.labels is not a map',
    ],
    [
      'an anchor that refers to itself',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: &a {b: *a}\n',
      'a.yaml: a document is too large or too deep, or refers to itself',
    ],
    ['a tag that would run code', 'a: !!js/function "function(){}"\n', /^a\.yaml: /],
  ])('refuses %s', async (_what, text, message) => {
    expect(await refused({ 'a.yaml': text })).toMatch(message);
  });

  it('gives equal content an equal digest, whatever the order of its keys', async () => {
    const digest = async (text: string) => {
      const reading = await read({ 'a.yaml': text });
      return reading.ok ? reading.manifests[0]?.digest : undefined;
    };
    expect(await digest(configMap('x', 'a: "1", b: "2"'))).toBe(await digest(configMap('x', 'b: "2", a: "1"')));
    expect(await digest(configMap('x', 'a: "1"'))).not.toBe(await digest(configMap('x', 'a: "2"')));
  });

  it('refuses a few bytes of aliases that stand for billions of values, without unfolding them', async () => {
    const levels = 'abcdefghijkl'.split('').map((name, index, all) => {
      const below = all[index - 1];
      return `${name}: &${name} [${Array.from({ length: 10 }, () => (below ? `*${below}` : '1')).join(', ')}]`;
    });
    const bomb = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n${levels.join('\n')}\n`;
    expect(await refused({ 'a.yaml': bomb })).toBe('a.yaml: a document is too large or too deep, or refers to itself');
  });

  it('refuses a long text that aliases repeat, without writing it out', async () => {
    const text = `a: &a "${'x'.repeat(100_000)}"\nb: [${Array.from({ length: 10_000 }, () => '*a').join(',')}]\n`;
    const bomb = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n${text}`;
    expect(await refused({ 'a.yaml': bomb })).toBe('a.yaml: a document is too large or too deep, or refers to itself');
  });

  it('refuses aliases that stand for a million empty objects: written out they take more memory than there is', async () => {
    const ten = (of: string) => `[${Array.from({ length: 10 }, () => of).join(', ')}]`;
    const levels = 'abcdef'.split('').map((name, index, all) => {
      const below = all[index - 1];
      return `${name}: &${name} ${ten(below ? `*${below}` : '{}')}`;
    });
    const bomb = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n${levels.join('\n')}\n`;
    expect(await refused({ 'a.yaml': bomb })).toBe('a.yaml: a document is too large or too deep, or refers to itself');
  });

  it('refuses what the files of a commit repeat together, each of them little enough', async () => {
    const list = (of: string, length: number) => `[${Array.from({ length }, () => of).join(',')}]`;
    const half = (name: string) => `${configMap(name)}a: &a ${list('1', 600)}\nb: ${list('*a', 500)}\n`;
    expect(await names({ 'a.yaml': half('one'), 'c.yaml': configMap('c') })).toEqual(['a.yaml:one', 'c.yaml:c']);
    expect(await refused({ 'a.yaml': half('one'), 'b.yaml': half('two') })).toBe(
      'b.yaml: a document is too large or too deep, or refers to itself',
    );
  });

  it('refuses many documents in one file that are each just small enough', async () => {
    const list = (of: string) => `[${Array.from({ length: 40 }, () => of).join(',')}]`;
    const bomb = (n: number) => `${configMap(`m-${n}`)}a: &a ${list('1')}\nb: &b ${list('*a')}\nc: &c ${list('*b')}\n`;
    const many = Array.from({ length: 100 }, (_, n) => bomb(n)).join('---\n');
    expect(await refused({ 'a.yaml': many })).toBe('a.yaml: a document is too large or too deep, or refers to itself');
  });

  it.each([
    ['a mode in octal', 'mode: 0400', { mode: 256 }],
    ['a zero', 'mode: 0', { mode: 0 }],
    [
      'what << names',
      'base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}',
      { base: { a: 1, b: 2 }, more: { a: 1, b: 3 } },
    ],
    ['a text of digits', 'mode: "0400"', { mode: '0400' }],
    ['a number that is none in octal', 'mode: 0800', { mode: 800 }],
  ])('reads %s as kubectl does', async (_, text, expected) => {
    const reading = await read({ 'a.yaml': `apiVersion: v1\nkind: Thing\nmetadata: {name: x}\n${text}\n` });
    expect(reading.ok && reading.manifests[0]?.object).toMatchObject(expected);
  });

  it('refuses a number that would be rounded', async () => {
    const text = 'apiVersion: v1\nkind: Thing\nmetadata: {name: x}\nn: 9007199254740993\n';
    expect(await refused({ 'a.yaml': text })).toBe(
      'a.yaml: the number 9007199254740993 is too large to be kept exactly; put it in quotes',
    );
  });

  it('refuses one object under two versions of its group', async () => {
    const route = (version: string) =>
      `apiVersion: gateway.networking.k8s.io/${version}\nkind: HTTPRoute\nmetadata: {name: shop}\n`;
    expect(await refused({ 'a.yaml': route('v1'), 'b.yaml': route('v1beta1') })).toBe(
      'b.yaml: HTTPRoute shop is already declared in a.yaml',
    );
  });

  it('refuses more objects than a status can hold', async () => {
    const many = Array.from({ length: 2_001 }, (_, index) => configMap(`m-${index}`)).join('---\n');
    expect(await refused({ 'a.yaml': many })).toBe(
      'a.yaml: more than 2000 objects are declared up to here; use several GitSyncs',
    );
  });

  it('leaves out what only a server can say, as exported manifests have it', async () => {
    const exported =
      'apiVersion: v1\nkind: Service\nmetadata: {name: x, uid: u, resourceVersion: "5", creationTimestamp: null, generation: 2, managedFields: [], labels: {a: b}}\nspec: {}\nstatus: {loadBalancer: {}}\n';
    const reading = await read({ 'a.yaml': exported });
    expect(reading.ok && reading.manifests[0]?.object).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'x', labels: { a: 'b' } },
      spec: {},
    });
  });
});
