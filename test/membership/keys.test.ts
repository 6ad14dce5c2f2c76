import { describe, expect, test } from 'vitest';
import { parseKeyFile, senderKey } from '../../src/membership/keys.ts';
import type { Instance } from '../../src/membership/member.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const HEX = Buffer.from(SECRET).toString('hex');
const BASE64 = Buffer.from(SECRET).toString('base64');

describe('a key file', () => {
  test.each([
    ['hex', HEX],
    ['hex in capitals', HEX.toUpperCase()],
    ['base64', BASE64],
    ['with a line end, as Secrets often have', `${BASE64}\n`],
    ['of Windows', `${BASE64}\r\n`],
    ['with a comment and empty lines', `# the group\n\n  ${HEX}\n\n`],
    ['the same key twice', `${HEX}\n${BASE64}`],
  ])('%s', (_title, text) => {
    expect(parseKeyFile(text)).toEqual({ ok: true, value: [{ id: 0x1375f441, secret: SECRET }] });
  });

  test('the order is kept: the first one seals', () => {
    const keys = parseKeyFile(`${HEX.replace('00', 'ff')}\n${HEX}`);
    expect(keys.ok && keys.value.map(({ secret }) => secret[0])).toEqual([0xff, 0]);
  });

  test.each([
    ['', /no key.*openssl rand/],
    ['# only a comment', /no key/],
    ['abcdef', /line 1 is not a key/],
    [`${HEX}\nsecret!`, /line 2 is not a key/],
    ['a'.repeat(2000), /line 1 is not a key/],
    [Array.from({ length: 9 }, (_, i) => HEX.replace('00', `a${i}`)).join('\n'), /9 keys; at most 8/],
  ])('that is of no use is refused in words, without showing it: %#', (text, words) => {
    const keys = parseKeyFile(text);
    expect(keys.ok ? '' : keys.error).toMatch(words);
    expect(keys.ok ? '' : keys.error).not.toContain('secret!');
  });
});

test('RFC 5869: two instances have different keys of the same group', () => {
  const group = { id: 1, secret: SECRET };
  const one = senderKey(group, 'a0'.repeat(16) as Instance);
  const other = senderKey(group, 'a1'.repeat(16) as Instance);
  expect(one).toHaveLength(32);
  expect(one).not.toEqual(other);
});
