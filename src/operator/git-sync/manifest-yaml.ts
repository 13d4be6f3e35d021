import { CORE_SCHEMA, intCoreTag, loadAll, mergeTag } from 'js-yaml';

const OCTAL = /^[-+]?0[0-7]+$/;

/**
 * YAML as kubectl, Flux and Argo CD read it in what manifests have: `<<` merges, and a leading zero means octal, as in
 * `defaultMode: 0400`. Unlike there, `yes` and `on` stay texts, and an integer that would be rounded is refused.
 */
const SCHEMA = CORE_SCHEMA.withTags(mergeTag, {
  ...intCoreTag,
  resolve: (source, isExplicit, tagName) => {
    const value = OCTAL.test(source) ? Number.parseInt(source, 8) : intCoreTag.resolve(source, isExplicit, tagName);
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw new RangeError(`the number ${source.slice(0, 40)} is too large to be kept exactly; put it in quotes`);
    return value;
  },
});

/** All documents of a manifest file. @throws Error that says what cannot be read */
export function manifestDocuments(text: string, filename: string): unknown[] {
  return loadAll(text, { filename, schema: SCHEMA });
}
