import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that a kernel gives to outgoing connections: nobody takes one between this answer and its use. */
const FIRST = 20_000;
const COUNT = 10_000;

let next = Math.floor(Math.random() * COUNT);

/** Ports of 127.0.0.1 on which nobody listens now, and which this process has not given out lately. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tried = 0; ports.length < count; tried += 1) {
    if (tried > COUNT) throw new Error(`no ${count} free ports from ${FIRST} on`);
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    await new Promise(resolve => server.close(resolve));
  }
}
