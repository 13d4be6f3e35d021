import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A Prometheus that always answers one number, which the bench flips. */
export async function startStubPrometheus(): Promise<{
  readonly url: string;
  set(value: number): void;
  stop(): Promise<void>;
}> {
  let answer = 1;
  const server = createServer((_request, response) => {
    const value = [Date.now() / 1000, String(answer)];
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value }] } }),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: value => {
      answer = value;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
