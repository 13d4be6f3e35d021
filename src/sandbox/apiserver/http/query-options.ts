import { badRequest, invalid, notSupported } from '../api-error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { isObject, numberAt, objectAt, stringAt } from '../json.ts';
import type { ListQuery } from '../rest/reader.ts';
import type { DeleteOptions, FieldValidation, WriteOptions } from '../rest/write-options.ts';

/** The list options of a query string. */
export function listQuery(query: URLSearchParams): ListQuery {
  const limit = Number(query.get('limit') ?? '0');
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: Number.isInteger(limit) && limit > 0 ? limit : 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  };
}

const validations: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];

/** The write options of a query string. The manager defaults to the product of the user agent, as on the real server. */
export function writeOptions(query: URLSearchParams, who: { user: string; userAgent: string }): WriteOptions {
  const dryRun = query.getAll('dryRun').filter(value => value !== '');
  if (dryRun.some(value => value !== 'All')) throw optionError('dryRun', dryRun[0] ?? '', ['All']);
  const validation = query.get('fieldValidation') ?? 'Warn';
  const known = validations.find(name => name === validation);
  if (known === undefined && validation !== '') throw optionError('fieldValidation', validation, validations);
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > 128) throw badRequest('fieldManager: Too long: may not be more than 128 bytes');
  const fallback = (who.userAgent.split('/')[0] ?? '').slice(0, 128);
  return {
    user: who.user,
    fieldManager: manager === '' ? (fallback === '' ? 'unknown' : fallback) : manager,
    dryRun: dryRun.length > 0,
    fieldValidation: known ?? 'Warn',
    subresource: undefined,
    warnings: [],
  };
}

function optionError(field: string, value: string, allowed: readonly string[]): Error {
  return invalid({ group: 'meta.k8s.io', kind: 'WriteOptions' }, '', [notSupported(field, value, allowed)]);
}

/** The deletion options of a query string and a DeleteOptions body (which wins). */
export function deleteOptions(query: URLSearchParams, body: JsonValue | undefined): DeleteOptions {
  const given: JsonObject = isObject(body) ? body : {};
  const preconditions = objectAt(given, 'preconditions');
  const policy = stringAt(given, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined;
  const orphan = given.orphanDependents === true ? 'Orphan' : undefined;
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      notSupported('propagationPolicy', policy, ['Background', 'Foreground', 'Orphan', 'nil']),
    ]);
  }
  const grace =
    numberAt(given, 'gracePeriodSeconds') ??
    (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined);
  const inBody = Array.isArray(given.dryRun) && given.dryRun.length > 0;
  return {
    dryRun: inBody || query.getAll('dryRun').includes('All'),
    propagationPolicy: policy ?? orphan,
    gracePeriodSeconds: grace === undefined || !Number.isFinite(grace) ? undefined : Math.max(0, grace),
    uid: stringAt(preconditions, 'uid'),
    resourceVersion: stringAt(preconditions, 'resourceVersion'),
  };
}
