import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLog, type LogFields, type LogLevel } from '../../src/operator/log.ts';

const SECRET = 'hunter2-s3cr3t-value';

function logged(message: string, fields?: LogFields, level: LogLevel = 'info'): string {
  const lines: string[] = [];
  createLog(level, line => lines.push(line)).info(message, fields);
  return lines.join('');
}

describe('the log', () => {
  it('writes one JSON object per line, with time, level and message', () => {
    const line = logged('leading', { rollouts: 3 });
    expect(line.endsWith('\n')).toBe(true);
    const parsed = JSON.parse(line);
    expect(parsed).toMatchObject({ level: 'info', message: 'leading', rollouts: 3 });
    expect(Number.isNaN(Date.parse(parsed.time))).toBe(false);
  });

  it('keeps quiet below its level', () => {
    expect(logged('nothing', {}, 'warn')).toBe('');
  });

  it.each([
    'password',
    'dbPassword',
    'clientSecret',
    'token',
    'Authorization',
    'apiKey',
    'api-key',
    'set-cookie',
    'webhookUrl',
  ])('blanks out a field called %s, however deep', name => {
    expect(logged('x', { [name]: SECRET })).not.toContain(SECRET);
    expect(logged('x', { outer: [{ [name]: { inner: SECRET } }] })).not.toContain(SECRET);
  });

  it('blanks out credentials inside messages, texts and errors', () => {
    const texts = [
      `GET https://deploy:${SECRET}@git.example/shop.git failed`,
      `GET https://${SECRET}@git.example/shop.git failed`,
      `GET https://deploy:p@${SECRET}@git.example/shop.git failed`,
      `header was Bearer ${SECRET}`,
      `header was basic ${Buffer.from(SECRET).toString('base64')}`,
    ];
    for (const text of texts) {
      for (const line of [
        logged(text),
        logged('x', { text }),
        logged('x', { error: new Error(text) }),
        logged('x', { list: [text] }),
      ]) {
        expect(line).not.toContain(SECRET);
        expect(line).not.toContain(Buffer.from(SECRET).toString('base64'));
        expect(line).toContain('[redacted]');
      }
    }
    expect(logged(texts[0] ?? '')).toContain('git.example/shop.git');
  });

  it('hides any password in an address, whatever its letters', () => {
    const password = fc.stringMatching(/^[A-Za-z0-9!$&*+,;=:._~%-]{6,30}$/);
    fc.assert(
      fc.property(password, word => {
        const planted = `s3cr3t${word}`;
        expect(logged('x', { error: new Error(`cannot reach https://me:${planted}@host.example/x`) })).not.toContain(
          planted,
        );
      }),
    );
  });

  it('says nothing of a cause, and cuts what is too long or too deep', () => {
    const deep = { a: { b: { c: { d: { e: { f: 'bottom' } } } } } };
    expect(logged('x', deep)).not.toContain('bottom');
    expect(logged('x', { text: 'y'.repeat(10_000) }).length).toBeLessThan(2_500);
    expect(logged('x', { error: new Error('outer', { cause: new Error(SECRET) }) })).not.toContain(SECRET);
  });

  it('survives an error that leads back to itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => logged('x', { loop })).not.toThrow();
  });
});
