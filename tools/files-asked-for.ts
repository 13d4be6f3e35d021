import { basename } from 'node:path';

/**
 * The test files of the stories that plans belong to, as `SLUICE_MATRIX` names them: `promote:applied:7,delete:` is about
 * `promote.test.ts` and `delete.test.ts`. All of them when nothing is named.
 */
export function filesAskedFor(files: readonly string[], plans: string): readonly string[] {
  const named = plans.split(',').filter(plan => plan !== '');
  const stories = named.map(plan => plan.split(':', 1)[0]);
  return named.length === 0 ? files : files.filter(file => stories.includes(basename(file, '.test.ts')));
}
