import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the image sets in the environment of the operator (the `ENV` lines of the Dockerfile), so that it is run alike here. */
export function imageEnvironment(): Record<string, string> {
  const lines = readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8').split('\n');
  const words = lines.flatMap(line => (line.startsWith('ENV ') ? line.slice(4).trim().split(/\s+/) : []));
  return Object.fromEntries(words.map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
}
