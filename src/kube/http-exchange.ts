import type { Agent, IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';

/** One HTTP attempt. */
export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly agent: Agent;
  /** Ends the attempt, before or during the answer. */
  readonly signal: AbortSignal;
  /** Last check, run in the same tick in which the request is handed to a connected socket. An error cancels the request. */
  readonly beforeSend?: (() => Error | undefined) | undefined;
}

/** The attempt brought no answer. */
export class ExchangeFailure extends Error {
  /** Whether any byte of the request may have reached the server. */
  readonly sent: boolean;
  /** Whether the socket had served an earlier request, so that the server may just have closed it for idleness. */
  readonly reusedSocket: boolean;
  /** Node's error code such as ECONNRESET, when there is one. */
  readonly errno: string | undefined;

  constructor(cause: Error, sent: boolean, reusedSocket: boolean) {
    super(cause.message, { cause });
    this.name = 'ExchangeFailure';
    this.sent = sent;
    this.reusedSocket = reusedSocket;
    const code = (cause as NodeJS.ErrnoException).code;
    this.errno = typeof code === 'string' ? code : undefined;
  }
}

/**
 * Sends one request and resolves when the response headers are there. The caller consumes or destroys the message.
 * The request is written only once a connected socket is at hand, so that `beforeSend` is the true last moment.
 * @throws ExchangeFailure
 */
export function exchange(options: Exchange): Promise<IncomingMessage> {
  const secure = options.url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    let sent = false;
    const headers: Record<string, string> = { ...options.headers };
    if (options.body) headers['content-length'] = String(options.body.length);
    const request = (secure ? https : http).request(options.url, {
      method: options.method,
      headers,
      agent: options.agent,
    });
    const fail = (error: Error) => {
      options.signal.removeEventListener('abort', onAbort);
      reject(new ExchangeFailure(error, sent, request.reusedSocket));
    };
    const onAbort = () => {
      const reason = abortReason(options.signal);
      request.destroy(reason);
      // A request that stands in the agent's line says nothing until it is its turn.
      if (!request.socket) fail(reason);
    };
    request.on('error', fail);
    request.on('response', message => {
      // The abort listener must outlive the headers: it also ends a stalled body.
      message.once('close', () => options.signal.removeEventListener('abort', onAbort));
      resolve(message);
    });
    request.on('socket', (socket: Socket) => {
      const send = () => {
        const refusal = options.beforeSend?.();
        if (refusal) {
          request.destroy(refusal);
          return;
        }
        sent = true;
        request.end(options.body);
      };
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', send);
      else send();
    });
    if (options.signal.aborted) onAbort();
    else options.signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** An answer was longer than it may be. */
export class AnswerTooLong extends Error {}

/**
 * Reads a whole body.
 * @throws Error ({@link AnswerTooLong}) when it is longer than `maxBytes`, or cut off, or the exchange was aborted.
 */
export async function readBody(message: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new AnswerTooLong(`the answer is longer than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    message.destroy();
    throw signal.aborted ? abortReason(signal) : error;
  }
  if (!message.complete) throw new Error('the answer was cut off');
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
