import { startControlPlane } from '../support/control-plane.ts';
const cp = await startControlPlane();
console.log(cp.startMs, cp.server, await cp.kubectl(['get','ns','-o','name']));
console.log(cp.auditEntries().length, cp.auditEntries({verb:'create',resource:'deployments'}));
if (process.argv[2]==='die') process.kill(process.pid,'SIGKILL');
await cp.stop(); console.log('stopped');
