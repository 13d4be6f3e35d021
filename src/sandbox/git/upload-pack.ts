import * as fs from 'node:fs';
import git from 'isomorphic-git';
import { FLUSH, pktLine, readPktLines } from './pkt-line.ts';

const CAPABILITIES = 'side-band-64k shallow no-progress agent=sluice-sandbox';
const BAND_SIZE = 65_515;

/** The refs of a repository, as `GET info/refs?service=git-upload-pack` lists them (protocol version 0). */
export async function advertisement(gitdir: string): Promise<Buffer> {
  const branches = await git.listBranches({ fs, gitdir });
  const refs: [string, string][] = [];
  for (const branch of branches.sort()) {
    refs.push([await git.resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` }), `refs/heads/${branch}`]);
  }
  const head = await git.resolveRef({ fs, gitdir, ref: 'HEAD' }).catch(() => undefined);
  const current = await git.currentBranch({ fs, gitdir, fullname: true }).catch(() => undefined);
  if (head !== undefined) refs.unshift([head, 'HEAD']);
  const capabilities = current ? `${CAPABILITIES} symref=HEAD:${current}` : CAPABILITIES;
  const lines = refs.length > 0 ? refs : [['0'.repeat(40), 'capabilities^{}']];
  return Buffer.concat([
    pktLine('# service=git-upload-pack\n'),
    FLUSH,
    ...lines.map(([oid, name], index) => pktLine(`${oid} ${name}${index === 0 ? `\0${capabilities}` : ''}\n`)),
    FLUSH,
  ]);
}

/**
 * Answers `POST git-upload-pack`: everything that the wanted commits need, as one pack. What the client already has is not left out,
 * which is fine for the small repository of a tour. @throws RangeError for a malformed request
 */
export async function uploadPack(gitdir: string, body: Buffer): Promise<Buffer> {
  const lines = readPktLines(body);
  const wants = lines.flatMap(line => /^want ([0-9a-f]{40})/.exec(line)?.[1] ?? []);
  const deepen = Number(lines.flatMap(line => /^deepen (\d+)/.exec(line)?.[1] ?? [])[0] ?? 0);
  const hasDone = lines.includes('done');
  const { oids, shallow } = await reachable(gitdir, wants, deepen > 0 ? deepen : Number.POSITIVE_INFINITY);
  const shallowLines = deepen > 0 ? [...shallow.map(oid => pktLine(`shallow ${oid}\n`)), FLUSH] : [];
  if (!hasDone)
    return Buffer.concat([
      ...shallowLines,
      ...(lines.some(line => line.startsWith('have ')) ? [pktLine('NAK\n')] : []),
    ]);
  const { packfile } = await git.packObjects({ fs, gitdir, oids, write: false });
  const pack = Buffer.from(packfile ?? []);
  const bands: Buffer[] = [];
  for (let at = 0; at < pack.length; at += BAND_SIZE) {
    bands.push(pktLine(Buffer.concat([Buffer.from([1]), pack.subarray(at, at + BAND_SIZE)])));
  }
  return Buffer.concat([...shallowLines, pktLine('NAK\n'), ...bands, FLUSH]);
}

/** All objects of commits up to a depth, and the commits whose parents were left out. */
async function reachable(
  gitdir: string,
  wants: readonly string[],
  depth: number,
): Promise<{ oids: string[]; shallow: string[] }> {
  const oids = new Set<string>();
  const shallow: string[] = [];
  const addTree = async (oid: string): Promise<void> => {
    if (oids.has(oid)) return;
    oids.add(oid);
    for (const entry of (await git.readTree({ fs, gitdir, oid })).tree) {
      if (entry.type === 'tree') await addTree(entry.oid);
      else if (entry.type === 'blob') oids.add(entry.oid);
    }
  };
  let level = [...new Set(wants)];
  for (let at = 1; level.length > 0; at += 1) {
    const next = new Set<string>();
    for (const oid of level) {
      if (oids.has(oid)) continue;
      oids.add(oid);
      const { commit } = await git.readCommit({ fs, gitdir, oid });
      await addTree(commit.tree);
      if (at < depth) for (const parent of commit.parent) next.add(parent);
      else if (commit.parent.length > 0) shallow.push(oid);
    }
    level = [...next];
  }
  return { oids: [...oids], shallow };
}
