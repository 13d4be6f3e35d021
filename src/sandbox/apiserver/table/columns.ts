import type { JsonValue, KubeObject } from '../json.ts';
import { stringAt } from '../json.ts';
import type { ColumnDefinition } from '../types/resource-type.ts';
import { age } from './age.ts';

/** A column and how to read its cell. */
export interface Column extends ColumnDefinition {
  read: (object: KubeObject, nowMs: number) => JsonValue;
}

/** A text column; `wide` ones show with `-o wide` only. */
export function column(
  name: string,
  read: (object: KubeObject, nowMs: number) => JsonValue,
  options: { type?: string; wide?: boolean; format?: string } = {},
): Column {
  const { type = 'string', wide = false, format = '' } = options;
  return { name, type, format, description: name, priority: wide ? 1 : 0, read };
}

/** The name column that every table starts with. */
export const nameColumn: Column = column('Name', object => stringAt(object.metadata, 'name') ?? '', { format: 'name' });

/** The age column that most tables end with. */
export const ageColumn: Column = column('Age', (object, nowMs) => age(object.metadata.creationTimestamp, nowMs));

/** Builds the `columns` and `cells` of a resource type. */
export function tableOf(columns: readonly Column[]): {
  columns: ColumnDefinition[];
  cells: (object: KubeObject, nowMs: number) => JsonValue[];
} {
  return {
    columns: columns.map(({ read: _, ...definition }) => definition),
    cells: (object, nowMs) => columns.map(({ read }) => read(object, nowMs)),
  };
}
