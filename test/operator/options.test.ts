import { describe, expect, it } from 'vitest';
import { OPERATOR_HELP, parseOperatorFlags } from '../../src/operator/options.ts';

describe('the flags of the operator', () => {
  it('has defaults for everything', () => {
    expect(parseOperatorFlags([])).toMatchObject({
      namespace: 'sluice-system',
      leaderElection: true,
      gitSync: false,
      gitAllowFile: false,
      port: 8080,
      concurrency: 16,
      logLevel: 'info',
    });
    const { watchNamespace, host } = parseOperatorFlags([]);
    expect([watchNamespace, host]).toEqual([undefined, undefined]);
  });

  it('reads what is given', () => {
    const flags = parseOperatorFlags(
      '--no-leader-election --git-sync --git-allow-file --port 0 --concurrency=4 --namespace ops --watch-namespace shop --log-level debug'.split(
        ' ',
      ),
    );
    expect(flags).toMatchObject({
      leaderElection: false,
      gitSync: true,
      gitAllowFile: true,
      port: 0,
      concurrency: 4,
      namespace: 'ops',
      watchNamespace: 'shop',
      logLevel: 'debug',
    });
  });

  it.each([
    [['--log-level', 'loud'], /--log-level loud: use one of debug, info, warn, error/],
    [['--port', 'http'], /--port http: give a whole number from 0 to 65535/],
    [['--port', '65536'], /--port 65536/],
    [['--port', ''], /--port/],
    [['--concurrency', '0'], /--concurrency 0: give a whole number from 1 to 256/],
    [['--concurrency', '1.5'], /--concurrency 1.5/],
    [['--frobnicate'], /--frobnicate/],
    [['--kubeconfig'], /--kubeconfig/],
    [['surplus'], /surplus/],
  ])('refuses %j in a sentence', (args, sentence) => {
    expect(() => parseOperatorFlags(args)).toThrow(sentence);
  });

  it('explains every flag in its help', () => {
    for (const flag of [
      'kubeconfig',
      'context',
      'namespace',
      'watch-namespace',
      'no-leader-election',
      'git-sync',
      'git-cache-dir',
      'git-allow-file',
      'port',
      'host',
      'concurrency',
      'log-level',
    ])
      expect(OPERATOR_HELP).toContain(`--${flag}`);
  });
});
