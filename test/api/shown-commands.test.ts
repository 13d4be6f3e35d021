import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const TEXTS = /\.(?:md|yaml|ts)$/;
/** A command that changes a Rollout. Argo Rollouts has a kind of the same name, which kubectl may take for ours. */
const CHANGES =
  /kubectl\b[^`\n]*?\s(?:annotate|apply|delete|edit|label|patch|scale)\s[^`\n]*?\b(?:ro|rollouts?)\b(\.sluice\.dev)?/g;

const files = ['README.md', 'docs', 'examples', 'deploy', 'src'].flatMap(path =>
  TEXTS.test(path)
    ? [path]
    : readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' })
        .filter(file => TEXTS.test(file))
        .map(file => join(path, file)),
);
const shown = files.flatMap(file =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(CHANGES)].map(([command, group]) => ({ file, command, group })),
);

it('commands that change a Rollout, wherever they are shown, are about ours', () => {
  expect(shown.map(({ file }) => file)).toEqual(expect.arrayContaining(['README.md', 'src/core/notices.ts']));
  expect(shown.filter(({ group }) => group === undefined)).toEqual([]);
});
