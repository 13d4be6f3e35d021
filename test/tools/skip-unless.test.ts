import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';

const MISSING = { available: false, why: 'no control plane: install Go' } as const;

describe('a suite that needs a part of the rig', () => {
  const { CI } = process.env;
  const { warn } = console;
  let said: unknown[] = [];
  beforeEach(() => {
    said = [];
    console.warn = (...words: unknown[]) => said.push(...words);
  });
  afterEach(() => {
    console.warn = warn;
    if (CI === undefined) delete process.env.CI;
    else process.env.CI = CI;
  });

  it('runs, and says nothing, where the part is there', () => {
    for (const where of ['true', 'false']) {
      process.env.CI = where;
      expect(skipUnless({ available: true })).toBe(false);
    }
    expect(said).toEqual([]);
  });

  it('is skipped, and says why, where it is missing on the machine of a person', () => {
    delete process.env.CI;
    expect(skipUnless(MISSING)).toBe(true);
    expect(said).toEqual(['SKIPPED: no control plane: install Go']);
  });

  it('fails where it is missing in CI', () => {
    process.env.CI = 'true';
    expect(() => skipUnless(MISSING)).toThrow('no control plane: install Go');
  });
});
