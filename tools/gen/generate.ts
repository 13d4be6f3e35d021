import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dump } from 'js-yaml';
import { allCrds } from './crds.ts';
import { gitSyncRbacYaml, rbacManifests } from './rbac.ts';

/** Writes everything that is generated from src/api. With --check it writes nothing and fails when a file differs. */
const root = join(import.meta.dirname, '../..');
const check = process.argv.includes('--check');
const HEADER = '# Generated from src/api by `npm run gen`. Do not edit.\n';

const files = new Map<string, string>();
for (const { file, crd } of allCrds())
  files.set(`crds/${file}`, HEADER + dump(crd, { lineWidth: 140, noRefs: true, sortKeys: false }));
files.set(
  'deploy/base/rbac.yaml',
  HEADER.replace('src/api', 'src/operator/permissions.ts') +
    rbacManifests()
      .map(manifest => dump(manifest, { noRefs: true }))
      .join('---\n'),
);
files.set(
  'deploy/with-git-sync/rbac.yaml',
  HEADER.replace('src/api', 'src/operator/permissions.ts') + gitSyncRbacYaml(),
);

let stale = 0;
for (const [file, text] of files) {
  const path = join(root, file);
  let before = '';
  try {
    before = readFileSync(path, 'utf8');
  } catch {
    // A file that does not exist yet is stale.
  }
  if (before === text) continue;
  stale++;
  if (check) console.error(`${file} is out of date; run npm run gen`);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${file} (${text.length} bytes)`);
  }
}
console.log(`${files.size} generated files, ${stale} ${check ? 'out of date' : 'written'}`);
process.exitCode = check && stale > 0 ? 1 : 0;
