import type { ApiError } from '../api-error.ts';
import { genericError } from '../api-error.ts';

/** The form in which objects are answered. */
export type Form = 'object' | 'table' | 'partial' | 'discovery';

/** The best form of an `Accept` header that this server can give, or undefined when there is none. */
export function negotiate(accept: string | undefined): Form | undefined {
  const wanted = (accept ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
  if (wanted.length === 0) return 'object';
  for (const part of wanted) {
    const [media = '', ...parameters] = part.split(';').map(piece => piece.trim());
    if (!['application/json', '*/*', 'application/*'].includes(media)) continue;
    const as = parameters.find(piece => piece.startsWith('as='))?.slice(3);
    const version = parameters.find(piece => piece.startsWith('v='))?.slice(2);
    if (as === undefined) return 'object';
    if (as === 'Table' && version === 'v1') return 'table';
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'partial';
    if (as === 'APIGroupDiscoveryList' && version === 'v2') return 'discovery';
  }
  return undefined;
}

/** 406. */
export function notAcceptable(): ApiError {
  const text = 'only the following media types are accepted: application/json';
  return genericError(406, 'NotAcceptable', text);
}
