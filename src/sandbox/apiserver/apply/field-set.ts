import type { JsonObject, JsonValue } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldSchema, isNamedField } from '../schema/schema.ts';

/**
 * A set of field paths, as a tree. An edge is a path element in the `fieldsV1` spelling: `f:name` for a field,
 * `k:{"name":"x"}` for an entry of a keyed list, `v:"x"` for an element of a set. After
 * sigs.k8s.io/structured-merge-diff's `fieldpath.Set`.
 */
export class FieldSet {
  /** True when the path that ends here belongs to the set. */
  member = false;
  readonly children = new Map<string, FieldSet>();

  /** The subtree at an element, created when missing. */
  at(element: string): FieldSet {
    const known = this.children.get(element);
    if (known !== undefined) return known;
    const created = new FieldSet();
    this.children.set(element, created);
    return created;
  }

  /** Adds a path. */
  insert(path: readonly string[]): void {
    let node: FieldSet = this;
    for (const element of path) node = node.at(element);
    node.member = true;
  }

  /** True when no path is in the set. */
  get empty(): boolean {
    if (this.member) return false;
    for (const child of this.children.values()) if (!child.empty) return false;
    return true;
  }

  /** The paths of both sets. */
  union(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a || b);
  }

  /** The paths of this set that the other does not hold. */
  difference(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a && !b);
  }

  /** The paths that both sets hold. */
  intersection(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a && b);
  }

  /** The set without anything at or under a path. */
  without(path: readonly string[]): FieldSet {
    const [head, ...rest] = path;
    if (head === undefined) return new FieldSet();
    const out = new FieldSet();
    out.member = this.member;
    for (const [element, child] of this.children) {
      const kept = element === head ? child.without(rest) : child;
      if (!kept.empty) out.children.set(element, kept);
    }
    return out;
  }

  /** Every path of the set. */
  paths(prefix: readonly string[] = []): string[][] {
    const out: string[][] = this.member ? [[...prefix]] : [];
    for (const [element, child] of this.children) out.push(...child.paths([...prefix, element]));
    return out;
  }

  /** Adds the struct fields on the way to every path: a field declared by name belongs to whoever owns something in it. */
  withNamedParents(schema: Schema | undefined): FieldSet {
    const out = new FieldSet();
    out.member = this.member;
    for (const [element, child] of this.children) {
      const next = child.withNamedParents(elementSchema(schema, element));
      if (element.startsWith('f:') && isNamedField(schema, element.slice(2)) && child.children.size > 0)
        next.member = true;
      out.children.set(element, next);
    }
    return out;
  }

  /** The `fieldsV1` form. */
  toFieldsV1(): JsonObject {
    const out: JsonObject = {};
    if (this.member && this.children.size > 0) out['.'] = {};
    for (const element of [...this.children.keys()].sort()) {
      const child = this.children.get(element);
      if (child !== undefined && !child.empty) out[element] = child.toFieldsV1();
    }
    return out;
  }

  /** Reads a `fieldsV1` object. */
  static fromFieldsV1(fields: JsonObject): FieldSet {
    const root = new FieldSet();
    readFields(root, fields, true);
    return root;
  }
}

function readFields(set: FieldSet, fields: JsonObject, isRoot: boolean): void {
  const keys = Object.keys(fields);
  set.member = !isRoot && (keys.length === 0 || keys.includes('.'));
  for (const key of keys) {
    const child = fields[key];
    if (key !== '.' && isObject(child)) readFields(set.at(key), child, false);
  }
}

function combine(a: FieldSet, b: FieldSet, keep: (a: boolean, b: boolean) => boolean): FieldSet {
  const out = new FieldSet();
  out.member = keep(a.member, b.member);
  for (const element of new Set([...a.children.keys(), ...b.children.keys()])) {
    const child = combine(a.children.get(element) ?? none, b.children.get(element) ?? none, keep);
    if (!child.empty) out.children.set(element, child);
  }
  return out;
}

const none = new FieldSet();

/** The schema behind a path element. */
export function elementSchema(schema: Schema | undefined, element: string): Schema | undefined {
  return element.startsWith('f:') ? fieldSchema(schema, element.slice(2)) : schema?.items;
}

/** A path as conflict messages print it: `.spec.containers[name="x"].image`. */
export function printPath(path: readonly string[]): string {
  return path.map(element => printElement(element)).join('');
}

function printElement(element: string): string {
  const body = element.slice(2);
  if (element.startsWith('f:')) return `.${body}`;
  if (element.startsWith('v:')) return `[=${body}]`;
  if (!element.startsWith('k:')) return `[${body}]`;
  const key = JSON.parse(body) as Record<string, JsonValue>;
  return `[${Object.entries(key)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}]`;
}
