import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A Prometheus whose answer is in the question: a query that says `verdict="bad"` gets 0.1, every other one 0.99. */
export async function startVerdictPrometheus(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const asked = decodeURIComponent(`${request.url ?? ''}${Buffer.concat(chunks).toString()}`.replaceAll('+', ' '));
      const value = [Date.now() / 1000, asked.includes('verdict="bad"') ? '0.1' : '0.99'];
      const data = { resultType: 'vector', result: [{ metric: {}, value }] };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ status: 'success', data }));
    });
  });
  // The operator keeps its connections; one that is closed in the moment in which it is used costs it a measurement.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
