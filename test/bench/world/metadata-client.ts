import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { type ApiAccess, ApiClient } from '../../support/control-plane/api-client.ts';

/** Reads only the metadata of objects: to see that something changed, not what. */
export class MetadataClient extends ApiClient {
  readonly #access: ApiAccess;
  readonly #sockets: Agent;

  constructor(access: ApiAccess) {
    super(access);
    this.#access = access;
    this.#sockets = new Agent({ keepAlive: true, ca: access.caPem });
  }

  override open(
    method: string,
    path: string,
    _body?: unknown,
    _contentType?: string,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const { server, token } = this.#access;
    const headers = { authorization: `Bearer ${token}`, accept: path.includes('watch=true') ? WATCHED : LISTED };
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: this.#sockets, ...(signal && { signal }) };
      request(new URL(path, server), options, resolve).on('error', reject).end();
    });
  }

  /** A list of metadata without items has `null` in their place. */
  override async call(method: string, path: string): Promise<unknown> {
    const answer = (await super.call(method, path)) as { items?: unknown[] | null };
    return answer.items === null ? { ...answer, items: [] } : answer;
  }

  override close(): void {
    super.close();
    this.#sockets.destroy();
  }
}

/** How to ask for metadata only. */
const LISTED = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const WATCHED = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
