import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import type { ResourceType } from '../types/resource-type.ts';

/** What a table row carries of its object. */
export type IncludeObject = 'Metadata' | 'Object' | 'None';

/** The `meta.k8s.io/v1` Table of some objects. `withColumns` is false for every watch event but the first. */
export function toTable(
  type: ResourceType,
  objects: readonly KubeObject[],
  options: { include: IncludeObject; nowMs: number; withColumns: boolean; metadata: JsonObject },
): JsonObject {
  const { include, nowMs, withColumns, metadata } = options;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns ? (type.columns.map(column => ({ ...column })) as JsonValue[]) : [],
    rows: objects.map(object => {
      const row: JsonObject = { cells: type.cells(object, nowMs) };
      if (include !== 'None') row.object = include === 'Object' ? object : toPartial(object);
      return row;
    }),
  };
}

/** The `meta.k8s.io/v1` PartialObjectMetadata of an object. */
export function toPartial(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
