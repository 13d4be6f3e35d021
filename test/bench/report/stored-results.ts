import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SizeResult } from '../results.ts';

const fileOf = (folder: string, size: number) => join(folder, `results-${size}.json`);

/** What a folder has of one size. */
export function readResult(folder: string, size: number): SizeResult | undefined {
  const file = fileOf(folder, size);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SizeResult) : undefined;
}

/** What a folder has of all sizes, ascending. */
export function readResults(folder: string): SizeResult[] {
  if (!existsSync(folder)) return [];
  const sizes = readdirSync(folder).flatMap(name => /^results-(\d+)\.json$/.exec(name)?.[1] ?? []);
  return sizes
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap(size => readResult(folder, size) ?? []);
}

/** Puts a result in the place of what the folder has of its size, whole or not at all. */
export function saveResult(folder: string, result: SizeResult): void {
  const file = fileOf(folder, result.size);
  writeFileSync(`${file}.new`, `${JSON.stringify(result)}\n`);
  renameSync(`${file}.new`, file);
}
