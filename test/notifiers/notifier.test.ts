import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NOTIFIER_KINDS } from '../../src/notifiers/registry.ts';
import { notifierContract } from './notifier.contract.ts';

for (const kind of NOTIFIER_KINDS) notifierContract(kind);

test('the registry knows every channel of the folder', () => {
  const folder = new URL('../../src/notifiers/', import.meta.url);
  const channels = readdirSync(folder).filter(file =>
    /^ {2,}kind: '/m.test(readFileSync(new URL(file, folder), 'utf8')),
  );
  expect(channels.map(file => file.replace('.ts', '')).sort()).toEqual([...NOTIFIER_KINDS].sort());
});
