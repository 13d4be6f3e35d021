import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Source files stay small enough to be read at once: none above 400 lines, the median near 100. */
const root = join(import.meta.dirname, '..');
const LONGEST = 400;

const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.gen.ts'))
  .map(entry => join(entry.parentPath, entry.name));
const lengths = files.map(file => ({
  file: relative(root, file),
  lines: readFileSync(file, 'utf8').split('\n').length - 1,
}));
const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b);
const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
const tooLong = lengths.filter(({ lines }) => lines > LONGEST);
for (const { file, lines } of tooLong)
  console.error(`${file} has ${lines} lines; cut it where the concepts part (at most ${LONGEST})`);
console.log(`${files.length} source files, median ${median} lines, longest ${sorted.at(-1) ?? 0}`);
process.exitCode = tooLong.length > 0 ? 1 : 0;
