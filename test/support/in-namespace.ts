import { spawnSync } from 'node:child_process';
import { runForeground } from './run-foreground.ts';

/**
 * First program of a fresh network namespace (`unshare --net`): brings loopback up and runs the given command in it. What
 * the tests start can reach itself and nothing else, and vanishes with the namespace.
 */
const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('usage: in-namespace.ts COMMAND [ARG ...]');
const up = spawnSync('ip', ['link', 'set', 'lo', 'up'], { stdio: 'inherit' });
if (up.status !== 0) throw new Error('loopback of the namespace cannot be brought up');
process.exit(await runForeground(command, args, { SLUICE_NETWORK_NAMESPACE: '1' }));
