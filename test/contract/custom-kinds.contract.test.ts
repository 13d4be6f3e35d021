import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { installWidgets } from './crd-setup.ts';
import { replicaSet, widget, widgetCrd } from './objects.ts';
import { onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';

const run = promisify(execFile);

onEveryCluster('custom kinds', contract => {
  const widgets = (): string => `/apis/contract.example.com/v1/namespaces/${contract.namespace}/widgets`;
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const kubectl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('kubectl', [
      '--kubeconfig',
      contract.cluster.kubeconfigPath,
      '-n',
      contract.namespace,
      ...args,
    ]);
    return stdout;
  };
  const fields = (body: Wire): string[] => body.details.causes.map((cause: Wire) => cause.field);

  beforeAll(() => installWidgets(contract.client), 60_000);

  it('is in discovery with its short names, categories and subresources', async () => {
    const { body } = await contract.client.get('/apis/contract.example.com/v1');
    const found = body.resources.map((item: Wire) => item.name).sort();
    expect(found).toEqual(['widgets', 'widgets/scale', 'widgets/status']);
    expect(body.resources.find((item: Wire) => item.name === 'widgets')).toMatchObject({
      shortNames: ['wdg'],
      categories: ['contract'],
      singularName: 'widget',
      kind: 'Widget',
      namespaced: true,
    });
  });

  it('defaults are filled in, in lists too, and unknown fields are pruned with a warning', async () => {
    const body = widget('defaulted', {
      size: 1,
      nope: 1,
      free: { any: { thing: 1 } },
      port: '25%',
      rules: [{ backends: [{ name: 'a' }] }],
    });
    const made = await contract.client.create(widgets(), body);
    expect(made.code).toBe(201);
    expect(made.body.spec).toEqual({
      size: 1,
      replicas: 2,
      color: 'red',
      free: { any: { thing: 1 } },
      port: '25%',
      rules: [{ backends: [{ name: 'a', weight: 1 }] }],
    });
    expect(made.warnings.join()).toContain('unknown field \\"spec.nope\\"');
  });

  it('an unknown field is a 400 under Strict', async () => {
    const { code, body } = await contract.client.create(
      `${widgets()}?fieldValidation=Strict`,
      widget('strict', { size: 1, nope: 1 }),
    );
    expect(code).toBe(400);
    expect(body.message).toContain('strict decoding error: unknown field "spec.nope"');
  });

  it('each broken schema rule is a cause with its field', async () => {
    const wrong = { size: 101, color: 'blue', code: 'ABCDEFG', parts: [{ value: 'x' }] };
    const { code, body } = await contract.client.create(widgets(), widget('wrong', wrong));
    expect(code).toBe(422);
    expect(body.reason).toBe('Invalid');
    expect(body.message).toContain('Widget.contract.example.com "wrong" is invalid');
    expect(fields(body)).toEqual(
      expect.arrayContaining(['spec.size', 'spec.color', 'spec.code', 'spec.parts[0].name']),
    );
    expect(body.message).toContain('spec.color: Unsupported value: "blue": supported values: "red", "green"');
    expect(body.message).toContain('spec.size in body should be less than or equal to 100');
    expect(body.message).toContain('spec.code: Too long: may not be more than 5 bytes');
    expect(body.message).toContain('some validation rules were not checked because the object was invalid');
    expect(body.message).toContain('spec.parts[0].name: Required value');
  });

  it('a pattern that does not match is quoted', async () => {
    const { body } = await contract.client.create(widgets(), widget('pattern', { size: 1, code: 'ABC' }));
    expect(body.message).toContain(`spec.code: Invalid value: "ABC": spec.code in body should match '^[a-z]+$'`);
  });

  it('a wrong type is named', async () => {
    const { code, body } = await contract.client.create(widgets(), widget('typed', { size: 'big' }));
    expect(code).toBe(422);
    expect(body.message).toContain('spec.size in body must be of type integer: "string"');
    expect(body.details.causes[0]).toMatchObject({ reason: 'FieldValueTypeInvalid', field: 'spec.size' });
  });

  it('a missing required field is named', async () => {
    const { body } = await contract.client.create(widgets(), widget('empty', {}));
    expect(body.message).toContain('spec.size: Required value');
  });

  it('list keys must be unique', async () => {
    const twice = [{ name: 'a' }, { name: 'a' }];
    const { code, body } = await contract.client.create(widgets(), widget('twice', { size: 1, parts: twice }));
    expect(code).toBe(422);
    expect(body.message).toContain('spec.parts[1]: Duplicate value: {"name":"a"}');
  });

  it('CEL rules speak with their message, their message expression and at their field', async () => {
    const fixed = await contract.client.create(widgets(), widget('cel', { size: 0, code: 'abc' }));
    expect(fixed.code).toBe(422);
    expect(fields(fixed.body)).toContain('spec.code');
    expect(fixed.body.message).toContain('a code needs a size above 0');
    const computed = await contract.client.create(widgets(), widget('cel', { size: 60 }));
    expect(computed.body.message).toContain('spec: Invalid value: the size is too large');
  });

  it('a transition rule compares with the old value', async () => {
    await contract.client.created(widgets(), widget('moving', { size: 1, fixed: 'x' }));
    const { code, body } = await contract.client.mergePatch(`${widgets()}/moving`, { spec: { fixed: 'y' } });
    expect(code).toBe(422);
    expect(body.message).toContain('fixed is fixed');
    expect((await contract.client.mergePatch(`${widgets()}/moving`, { spec: { size: 2 } })).code).toBe(200);
  });

  it('generation and status are isolated as in built-in kinds', async () => {
    const made = await contract.client.created(widgets(), { ...widget('split'), status: { phase: 'Early' } });
    expect(made.status).toBeUndefined();
    expect(made.metadata.generation).toBe(1);
    const ignored = await contract.client.mergePatch(`${widgets()}/split`, { status: { phase: 'Late' } });
    expect(ignored.body.status).toBeUndefined();
    const reported = await contract.client.mergePatch(`${widgets()}/split/status`, {
      spec: { size: 9 },
      status: { phase: 'Up' },
    });
    expect(reported.body.status).toEqual({ phase: 'Up' });
    expect(reported.body.spec.size).toBe(1);
    expect(reported.body.metadata.generation).toBe(1);
    const changed = await contract.client.mergePatch(`${widgets()}/split`, { spec: { size: 2 } });
    expect(changed.body.metadata.generation).toBe(2);
    expect(changed.body.status).toEqual({ phase: 'Up' });
  });

  it('a PUT without a version is a 422', async () => {
    await contract.client.created(widgets(), widget('versioned'));
    const { code, body } = await contract.client.update(`${widgets()}/versioned`, widget('versioned', { size: 2 }));
    expect(code).toBe(422);
    expect(body.message).toContain('metadata.resourceVersion');
    expect(body.message).toContain('must be specified for an update');
  });

  it('a strategic merge patch of a custom kind is a 415', async () => {
    await contract.client.created(widgets(), widget('strategic'));
    expect((await contract.client.strategicPatch(`${widgets()}/strategic`, { spec: { size: 2 } })).code).toBe(415);
  });

  it('the scale subresource reads and writes replicas', async () => {
    await contract.client.created(widgets(), widget('scaled', { size: 1, replicas: 3 }));
    await contract.client.mergePatch(`${widgets()}/scaled/status`, { status: { replicas: 2, selector: 'app=x' } });
    const { body } = await contract.client.get(`${widgets()}/scaled/scale`);
    expect(body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=x' },
    });
    const written = await contract.client.update(`${widgets()}/scaled/scale`, { ...body, spec: { replicas: 5 } });
    expect(written.code).toBe(200);
    expect((await contract.client.get(`${widgets()}/scaled`)).body.spec.replicas).toBe(5);
    const patched = await contract.client.mergePatch(`${widgets()}/scaled/scale`, { spec: { replicas: 4 } });
    expect(patched.body.spec.replicas).toBe(4);
  });

  it('a ReplicaSet scales through its subresource', async () => {
    const sets = `/apis/apps/v1/namespaces/${contract.namespace}/replicasets`;
    await contract.client.created(sets, replicaSet('scaling', 0));
    const { body } = await contract.client.get(`${sets}/scaling/scale`);
    expect(body.status).toEqual({ replicas: 0, selector: 'app=scaling' });
    const written = await contract.client.mergePatch(`${sets}/scaling/scale`, { spec: { replicas: 1 } });
    expect(written.body.spec.replicas).toBe(1);
    await contract.client.mergePatch(`${sets}/scaling`, { spec: { replicas: 0 } });
  });

  it('a schema that is not structural is refused', async () => {
    const crd: Wire = widgetCrd();
    crd.metadata.name = 'gadgets.contract.example.com';
    crd.spec.names = { plural: 'gadgets', kind: 'Gadget' };
    crd.spec.versions[0].schema.openAPIV3Schema = {
      type: 'object',
      properties: { spec: { properties: { a: { type: 'string' } } } },
    };
    crd.spec.versions[0].subresources = {};
    crd.spec.versions[0].additionalPrinterColumns = [];
    const { code, body } = await contract.client.create(crds, crd);
    expect(code).toBe(422);
    expect(fields(body)).toContain('spec.validation.openAPIV3Schema.properties[spec].type');
  });

  it('kubectl shows printer columns, wide ones only when asked', async () => {
    await contract.client.created(widgets(), widget('shown', { size: 7 }));
    const conditions = [{ type: 'Ready', status: 'True' }];
    await contract.client.mergePatch(`${widgets()}/shown/status`, { status: { conditions } });
    const [header, row] = (await kubectl('get', 'wdg', 'shown')).trim().split('\n');
    expect(header?.split(/\s+/)).toEqual(['NAME', 'SIZE', 'READY', 'AGE']);
    expect(row?.split(/\s+/).slice(0, 3)).toEqual(['shown', '7', 'True']);
    expect(await kubectl('get', 'wdg', 'shown', '-o', 'wide')).toContain('COLOR');
  });

  it('kubectl applies, explains and diffs', async () => {
    const { kubeconfigPath } = contract.cluster;
    const text = JSON.stringify(widget('applied', { size: 3 }));
    const apply = async (...args: string[]): Promise<string> => {
      const child = run('kubectl', ['--kubeconfig', kubeconfigPath, '-n', contract.namespace, ...args, '-f', '-']);
      child.child.stdin?.end(text);
      return (await child).stdout;
    };
    expect(await apply('apply')).toContain('created');
    expect(await apply('apply')).toContain('unchanged');
    expect(await apply('diff')).toBe('');
    expect(await apply('apply', '--server-side', '--force-conflicts')).toContain('serverside-applied');
    expect(await kubectl('explain', 'widget.spec')).toContain('size');
    expect(await kubectl('delete', 'widget', 'applied')).toContain('deleted');
  }, 60_000);

  it('deleting the definition deletes its objects and stops serving the kind', async () => {
    const crd: Wire = widgetCrd();
    crd.metadata.name = 'gizmos.contract.example.com';
    crd.spec.names = { plural: 'gizmos', kind: 'Gizmo' };
    await contract.client.created(crds, crd);
    const gizmos = `/apis/contract.example.com/v1/namespaces/${contract.namespace}/gizmos`;
    await contract.client.until(gizmos, ({ code }) => code === 200);
    await contract.client.until(`${crds}/gizmos.contract.example.com`, ({ body }) =>
      JSON.stringify(body).includes('"Established"'),
    );
    await contract.client.created(gizmos, { ...widget('one'), kind: 'Gizmo' });
    await contract.client.delete(`${crds}/gizmos.contract.example.com`);
    await contract.client.until(`${crds}/gizmos.contract.example.com`, ({ code }) => code === 404);
    await contract.client.until(gizmos, ({ code }) => code === 404);
  });
});
