import { KINDS, type KindDefinition } from '../../src/api/kinds.ts';
import { GROUP, VERSION } from '../../src/api/names.ts';
import { structuralSchema } from './structural-schema.ts';

/** The CustomResourceDefinition of one kind, as an object ready for YAML. */
export function crdOf(definition: KindDefinition): Record<string, unknown> {
  const { kind, plural, shortNames, scope, description, runs, spec, status, scale, columns } = definition;
  const properties: Record<string, unknown> = {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    spec: structuralSchema(spec),
    ...(status ? { status: structuralSchema(status) } : {}),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, labels: { 'app.kubernetes.io/name': 'sluice' } },
    spec: {
      group: GROUP,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: runs ? ['all', 'sluice'] : ['sluice'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { description, type: 'object', required: ['spec'], properties } },
          additionalPrinterColumns: columns,
          subresources: { ...(status ? { status: {} } : {}), ...(scale ? { scale } : {}) },
        },
      ],
    },
  };
}

/** File name and definition of every kind. */
export function allCrds(): readonly { readonly file: string; readonly crd: Record<string, unknown> }[] {
  return KINDS.map(definition => ({ file: `${definition.plural}.yaml`, crd: crdOf(definition) }));
}
