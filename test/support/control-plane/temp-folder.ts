import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putUnderGuard } from './guard.ts';

/** A temporary folder under guard: `remove` it in good order, or the guard does when this process dies. */
export function makeTempFolder(prefix: string): { path: string; remove: () => Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), `${prefix}-`));
  const release = putUnderGuard(`folder ${path}`);
  return {
    path,
    remove: async () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
      await release();
    },
  };
}
