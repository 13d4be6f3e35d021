/** How unknown and duplicate fields are treated. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** The subresource that a write goes through. */
export type Subresource = 'status' | 'scale';

/** The circumstances of a write. */
export interface WriteOptions {
  user: string;
  fieldManager: string;
  dryRun: boolean;
  fieldValidation: FieldValidation;
  subresource: Subresource | undefined;
  /** Filled with texts for `Warning` headers. */
  warnings: string[];
}

/** Options of an in-process write by a sandbox controller. */
export function controllerWrite(fieldManager: string, subresource?: Subresource): WriteOptions {
  return { user: fieldManager, fieldManager, dryRun: false, fieldValidation: 'Strict', subresource, warnings: [] };
}

/** How a deletion is done. */
export interface DeleteOptions {
  dryRun: boolean;
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan' | undefined;
  gracePeriodSeconds: number | undefined;
  uid: string | undefined;
  resourceVersion: string | undefined;
}

/** A deletion without any options. */
export const plainDelete: DeleteOptions = {
  dryRun: false,
  propagationPolicy: undefined,
  gracePeriodSeconds: undefined,
  uid: undefined,
  resourceVersion: undefined,
};
