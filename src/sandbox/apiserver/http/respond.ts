import type { ServerResponse } from 'node:http';
import { ApiError, genericError } from '../api-error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { TooLargeVersion } from '../rest/reader.ts';

/** Sends a JSON body. */
export function sendJson(
  response: ServerResponse,
  code: number,
  body: JsonValue,
  contentType = 'application/json',
): void {
  send(response, code, Buffer.from(`${JSON.stringify(body)}\n`), contentType);
}

/** Sends a body of bytes. Does nothing on a connection that is gone. */
export function send(response: ServerResponse, code: number, body: Buffer, contentType: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(code, { 'content-type': contentType, 'content-length': body.length });
  response.end(body);
}

/** Turns whatever ended a request into an `ApiError`. Anything but one is a bug: its text goes to `onBug`, not to the client. */
export function toApiError(error: unknown, onBug: (error: unknown) => void): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TooLargeVersion) {
    const cause: JsonObject = { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' };
    return genericError(504, 'Timeout', error.message, { causes: [cause], retryAfterSeconds: 1 });
  }
  onBug(error);
  return genericError(500, 'InternalError', 'Internal error occurred: the server failed on this request');
}
