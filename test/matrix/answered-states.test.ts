import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { answeredStates } from '../support/faults/answered-states.ts';
import type { Change } from '../support/matrix/cluster-history.ts';

const seen = (version: number): Change => {
  const metadata = { name: 'a', uid: 'a', resourceVersion: String(version) };
  return { plural: 'rollouts', name: 'a', uid: 'a', version: BigInt(version), at: 0, object: { metadata } };
};

/** A line of the audit log about a write that was answered with that state. */
const written = (version: number, code = 200, subresource?: string) =>
  `${JSON.stringify({
    verb: 'patch',
    objectRef: { resource: 'rollouts', name: 'a', ...(subresource !== undefined && { subresource }) },
    responseStatus: { code },
    responseObject: { metadata: { uid: 'a', resourceVersion: String(version) } },
  })}\n`;

it('the audit log finds the state that a history has not, and neither a refused write nor one that changed nothing', async () => {
  const folder = makeTempFolder('sluice-answered');
  const log = [written(4), written(6, 200, 'status'), written(6), written(9, 409), '{"verb":"get"}\n', '{"verb":"pa'];
  writeFileSync(join(folder.path, 'audit.log'), log.join(''));
  const at = { folder: folder.path };
  expect(answeredStates(at, [seen(4), seen(6), seen(7)])).toEqual({ writes: 3, states: 2, unknown: [] });
  expect(answeredStates(at, [seen(4), seen(7)]).unknown).toEqual(['patch rollouts/a: rollouts a 6']);
  await folder.remove();
});
