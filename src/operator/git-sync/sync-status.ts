import { type GitSyncStatus, gitSyncStatusSchema } from '../../api/git-sync.ts';
import { isRecord, type KubeObject } from '../../kube/kube-object.ts';

/**
 * The status of a GitSync as far as it can be read. What was stored around the schema is left out, member by member and item by
 * item: it must not cost what is sound, such as the inventory of what is to be deleted some day.
 */
export function readSyncStatus(object: KubeObject): GitSyncStatus {
  const stored = object['status'] ?? {};
  const whole = gitSyncStatusSchema.safeParse(stored);
  if (whole.success) return whole.data;
  if (!isRecord(stored)) return {};
  const sound = Object.entries(gitSyncStatusSchema.shape).flatMap(([name, schema]) => {
    const value = stored[name];
    const kept = Array.isArray(value) ? value.filter(item => schema.safeParse([item]).success) : value;
    return schema.safeParse(kept).success ? [[name, kept] as const] : [];
  });
  return gitSyncStatusSchema.parse(Object.fromEntries(sound));
}

/** Ids of the inventory of a GitSync: a look that is cheap enough for all GitSyncs of a namespace at once. */
export function heldIds({ status }: KubeObject): string[] {
  const inventory = isRecord(status) ? status['inventory'] : undefined;
  const entries: readonly unknown[] = Array.isArray(inventory) ? inventory : [];
  return entries.flatMap(entry => (isRecord(entry) && typeof entry['id'] === 'string' ? [entry['id']] : []));
}
