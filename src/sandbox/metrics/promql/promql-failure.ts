/**
 * Why a query has no result; turned into a value at the edge of this folder. `bad_data`: the query is wrong or uses something that
 * the sandbox does not know. `execution`: it cannot be evaluated over these series.
 */
export class PromqlFailure extends Error {
  readonly errorType: 'bad_data' | 'execution';

  constructor(errorType: 'bad_data' | 'execution', message: string) {
    super(message);
    this.name = 'PromqlFailure';
    this.errorType = errorType;
  }
}

/** For a construct that Prometheus has and the sandbox has not. */
export function notInSubset(construct: string): PromqlFailure {
  return new PromqlFailure(
    'bad_data',
    `${construct} is not part of the PromQL subset of the sandbox; put a real prometheus on PATH to use it`,
  );
}
