import type { HttpClient } from 'isomorphic-git';

/** What one exchange with a Git server may cost. */
export interface GitHttpLimits {
  /** Of one answer, after the decompression of HTTP: a pack in it is still packed. */
  readonly maxBytes: number;
  /** Of one exchange, from the request to the last byte, in milliseconds. */
  readonly timeoutMs: number;
}

/** A Git server sent more than it may. */
export class AnswerTooLarge extends Error {}

/**
 * HTTP for isomorphic-git, with an end: a server that never answers, or never stops, costs one exchange and not the
 * operator. Redirects are followed; credentials do not follow to another origin.
 * @param inspect sees what a request was answered with that was more than a question, before anything else does
 */
export function createGitHttp(
  { maxBytes, timeoutMs }: GitHttpLimits,
  inspect: (answer: Buffer) => Promise<void> = async () => undefined,
): HttpClient {
  return {
    request: async ({ url, method = 'GET', headers = {}, body }) => {
      const response = await fetch(url, {
        method,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body ? { body: await joined(body, maxBytes) } : {}),
      });
      // Read to its end here: isomorphic-git takes an answer that breaks off for one that is complete.
      const answer = await joined(response.body ?? [], maxBytes);
      if (method === 'POST' && response.ok) await inspect(answer);
      return {
        url: response.url,
        method,
        statusCode: response.status,
        statusMessage: response.statusText,
        headers: Object.fromEntries(response.headers),
        body: once(answer),
      };
    },
  };
}

async function joined(parts: AsyncIterable<Uint8Array> | [], maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of parts) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new AnswerTooLarge(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}
