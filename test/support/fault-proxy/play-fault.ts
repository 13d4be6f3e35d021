import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyFault } from './proxy-plan.ts';
import { resetInstead } from './reset-connection.ts';
import type { TraceEntry } from './trace.ts';
import type { UpstreamAnswer } from './upstream.ts';

/** Plays what comes before the API server is asked. @returns true when that was all and it must not be asked */
export async function playBefore(fault: ProxyFault, entry: TraceEntry, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'reset':
      resetInstead(response);
      return true;
    case 'silent':
      return fault.applied !== true;
    case 'status':
      entry.told = fault.status;
      sendStatus(response, fault);
      return true;
    case 'raw':
      entry.told = 200;
      await sendRaw(response, fault);
      return true;
    case 'delay':
      await sleep(fault.ms);
      return false;
    case 'crash':
      if (fault.at !== 'before') return false;
      await fault.kill();
      resetInstead(response);
      return true;
    default:
      return false;
  }
}

/** Plays what comes between the API server's answer and the operator. @returns the answer to pass on; undefined: none */
export async function playAfter(
  fault: ProxyFault,
  answer: UpstreamAnswer,
  response: ServerResponse,
): Promise<UpstreamAnswer | undefined> {
  switch (fault.kind) {
    case 'dropReply':
      resetInstead(response);
      return undefined;
    case 'silent':
      return undefined;
    case 'delayReply':
      await sleep(fault.ms);
      return answer;
    case 'truncate':
      response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': answer.bytes.length });
      response.write(answer.bytes.subarray(0, answer.bytes.length / 2), () =>
        setTimeout(() => resetInstead(response), 50),
      );
      return undefined;
    case 'rewrite':
      return {
        status: fault.status ?? 200,
        headers: { 'content-type': 'application/json' },
        bytes: Buffer.from(fault.body(answer.bytes.toString('utf8'))),
      };
    case 'crash':
      if (fault.at !== 'applied') return answer;
      await fault.kill();
      resetInstead(response);
      return undefined;
    default:
      return answer;
  }
}

function sendStatus(response: ServerResponse, fault: Extract<ProxyFault, { kind: 'status' }>): void {
  const { status: code, reason = REASONS[code] ?? '', message = 'injected', details, retryAfter } = fault;
  response.writeHead(code, {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  });
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message, details };
  response.end(JSON.stringify(body));
}

async function sendRaw(response: ServerResponse, fault: Extract<ProxyFault, { kind: 'raw' }>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  if (fault.text !== '') response.write(fault.text);
  // What was written must have left before a reset, which would throw it away.
  await sleep(50);
  if (fault.ending === 'end') response.end();
  if (fault.ending === 'reset') resetInstead(response);
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
