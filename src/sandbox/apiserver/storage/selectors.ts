import { badRequest } from '../api-error.ts';
import type { KubeObject } from '../json.ts';
import { objectAt, valueAt } from '../json.ts';

/** Says whether an object is selected. */
export type Selector = (object: KubeObject) => boolean;

/** Selects everything. */
export const everything: Selector = () => true;

type LabelTest = (labels: Readonly<Record<string, unknown>>) => boolean;

const has = (labels: Readonly<Record<string, unknown>>, key: string): boolean => Object.hasOwn(labels, key);

/**
 * Reads a label selector: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`, `!a`, joined by commas.
 * Throws a 400 for anything else.
 */
export function parseLabelSelector(text: string): Selector {
  const tests = splitOutsideParentheses(text)
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(part => parseRequirement(part));
  if (tests.length === 0) return everything;
  return object => {
    const labels = objectAt(object.metadata, 'labels') ?? {};
    return tests.every(test => test(labels));
  };
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

const keyPattern = '[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?';
const setForm = new RegExp(`^(${keyPattern})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equalityForm = new RegExp(`^(${keyPattern})\\s*(==|=|!=)\\s*([A-Za-z0-9._-]*)$`);
const existsForm = new RegExp(`^(!?)\\s*(${keyPattern})$`);

function parseRequirement(part: string): LabelTest {
  const set = setForm.exec(part);
  if (set !== null) {
    const [, key = '', , operator, list = ''] = set;
    const values = list.split(',').map(value => value.trim());
    const isIn: LabelTest = labels => has(labels, key) && values.includes(String(labels[key]));
    return operator === 'in' ? isIn : labels => !isIn(labels);
  }
  const equality = equalityForm.exec(part);
  if (equality !== null) {
    const [, key = '', , operator, value] = equality;
    const isEqual: LabelTest = labels => has(labels, key) && labels[key] === value;
    return operator === '!=' ? labels => !isEqual(labels) : isEqual;
  }
  const exists = existsForm.exec(part);
  if (exists !== null) {
    const [, not, key = ''] = exists;
    return not === '!' ? labels => !has(labels, key) : labels => has(labels, key);
  }
  throw badRequest(`unable to parse requirement: found '${part}', expected: identifier`);
}

/** Reads the fields of an event's object in both spellings (core `involvedObject`, events.k8s.io `regarding`). */
function readField(object: KubeObject, path: readonly string[]): string {
  const spelling = path[0] === 'regarding' ? ['involvedObject', ...path.slice(1)] : path;
  const value = valueAt(object, spelling);
  if (value === undefined || value === null) return '';
  return String(value);
}

const podFields = ['spec.nodeName', 'status.phase', 'spec.restartPolicy', 'spec.schedulerName', 'status.podIP'];
const fieldsOf: Record<string, readonly string[]> = {
  '/pods': podFields,
  '/events': ['involvedObject.', 'regarding.', 'reason', 'type', 'reportingComponent', 'source'],
  '/namespaces': ['status.phase'],
  '/secrets': ['type'],
  '/nodes': ['spec.unschedulable'],
  '/services': ['spec.clusterIP', 'spec.type'],
  'apps/replicasets': ['status.replicas'],
};

/** Reads a field selector; a field that the type does not support is a 400, as on the real server. */
export function parseFieldSelector(text: string, storageKey: string): Selector {
  const tests: Selector[] = [];
  for (const part of text.split(',').filter(item => item !== '')) {
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const [, field = '', operator, value] = match;
    const supported = ['metadata.name', 'metadata.namespace', ...(fieldsOf[storageKey] ?? [])];
    if (!supported.some(known => (known.endsWith('.') ? field.startsWith(known) : field === known))) {
      throw badRequest(`field label not supported: ${field}`);
    }
    const path = field.split('.');
    tests.push(object => (readField(object, path) === value) === (operator !== '!='));
  }
  return tests.length === 0 ? everything : object => tests.every(test => test(object));
}
