import type { Sample } from './metric-provider.ts';
import { parse, prometheusError, type ResponseContext } from './prometheus-response.ts';

/**
 * What an HTTP status other than 2xx says; undefined for 2xx. Being refused (401, 403) counts as an outage: a token
 * that expires at night must hold rollouts, not abort them.
 */
export function httpStatusFailure(status: number, body: string, context: ResponseContext): Sample | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400)
    return wrongProvider(
      `the address redirects (HTTP ${status}), which is not followed; put the final address into the MetricProvider`,
    );
  if (status === 401 || status === 403)
    return down(`the provider refuses us (HTTP ${status}); check the credentials and the tenant of the MetricProvider`);
  if (status === 408 || status === 429 || status === 499) return down(`the provider is overloaded (HTTP ${status})`);
  const envelope = parse(body);
  if (envelope?.status === 'error' && status !== 404) {
    const said = prometheusError(envelope, context);
    return status >= 500 && said.kind === 'ProviderError' ? { ...said, retryable: true } : said;
  }
  if (status >= 500) return down(`the provider failed (HTTP ${status})`);
  if (status === 404)
    return wrongProvider('the address has no Prometheus API (HTTP 404); is a path prefix such as /prometheus missing?');
  return { kind: 'ProviderError', retryable: false, message: `the provider refuses the query (HTTP ${status})` };
}

const TLS_TRUST = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/;

/**
 * What a request that got no answer says, from the code of the error alone: texts of errors can hold addresses,
 * headers and with them secrets.
 */
export function networkFailure(error: unknown): Sample {
  const { code, message } = codeAndMessage(error);
  if (/maxContentLength/.test(message)) return config('the answer is larger than 10 MB; aggregate in the query');
  switch (code) {
    case 'ECONNREFUSED':
      return down('connection refused; is the provider running at that address and port?');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return down(`the host of the provider has no address in DNS (${code})`);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return down(`the connection failed (${code})`);
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return down(`the certificate of the provider is not valid now (${code})`);
    case 'ERR_INVALID_CHAR':
    case 'ERR_INVALID_HTTP_TOKEN':
      return wrongProvider(
        'a header of the MetricProvider has characters that HTTP does not allow; look for line breaks in its Secrets',
      );
    case 'ERR_INVALID_URL':
      return wrongProvider('the address of the MetricProvider is no URL');
  }
  if (TLS_TRUST.test(code))
    return wrongProvider(
      `the certificate of the provider is not trusted, or ours is wrong (${code}); check tls of the MetricProvider`,
    );
  return down(`the request failed (${code === '' ? 'no code' : code})`);
}

function codeAndMessage(error: unknown): { readonly code: string; readonly message: string } {
  if (typeof error !== 'object' || error === null) return { code: '', message: '' };
  const fields = error as { readonly code?: unknown; readonly message?: unknown; readonly cause?: unknown };
  const code = typeof fields.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(fields.code) ? fields.code : '';
  const inner = fields.cause === undefined || code !== '' ? '' : codeAndMessage(fields.cause).code;
  return { code: code || inner, message: typeof fields.message === 'string' ? fields.message : '' };
}

function down(message: string): Sample {
  return { kind: 'ProviderError', retryable: true, message };
}

function config(message: string): Sample {
  return { kind: 'ConfigError', message };
}

function wrongProvider(message: string): Sample {
  return { kind: 'ConfigError', message, ofProvider: true };
}
