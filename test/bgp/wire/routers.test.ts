import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type MessageJson, messageJson } from '../../../src/bgp/message-json.ts';
import { decodeMessage, encodeMessage } from '../../../src/bgp/wire/codec.ts';
import { bytesOf, CONTEXT } from './octets.ts';
import { unsoundness } from './soundness.ts';

/** What routers wrote that know nothing of us, beside what they had been told to announce. */
const directory = new URL('../../vectors/bgp-routers/', import.meta.url);
const framesOf = (file: string): readonly Uint8Array[] =>
  readFileSync(new URL(file, directory), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(bytesOf);
const files = readdirSync(directory);
const shown = (file: string): readonly MessageJson[] => framesOf(file).map((bytes) => messageJson(bytes, CONTEXT));

test('there are recordings', () => expect(files).toEqual(['bird.txt', 'frr.txt', 'gobgp.txt']));

describe.each(files)('%s', (file) => {
  const frames = framesOf(file);

  test('each message is read without a fault, and says the same when it is written again', () => {
    expect(frames.length).toBeGreaterThan(5);
    for (const bytes of frames) {
      const read = decodeMessage(bytes, CONTEXT);
      if (!read.ok) expect.fail(read.error.message);
      expect(read.error).toBeUndefined();
      expect(decodeMessage(encodeMessage(read.message, CONTEXT), CONTEXT)).toEqual(read);
    }
  });

  test('every bit flip', () => {
    const faults: string[] = [];
    for (const bytes of frames)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.with(bit >> 3, bytes[bit >> 3]! ^ (0x80 >> (bit & 7)));
        faults.push(unsoundness(flipped, CONTEXT) ?? '');
      }
    expect(faults.filter((fault) => fault !== '')).toEqual([]);
  });
});

test('BIRD: what its configuration says', () => {
  const messages = shown('bird.txt');
  expect(messages[0]).toMatchObject({
    asn: 64_512,
    routerId: '192.0.2.1',
    capabilities: expect.arrayContaining([
      { code: 9, name: 'role', role: 'provider' },
      { code: 6, name: 'extended-message' },
      expect.objectContaining({ code: 64, restartTime: 120, notification: false }),
    ]),
  });
  expect(messages).toContainEqual(
    expect.objectContaining({
      announced: ['203.0.113.0/24'],
      attributes: expect.objectContaining({
        origin: 'incomplete',
        asPath: [{ type: 'sequence', asns: [64_512] }],
        nextHop: '192.0.2.9',
        communities: ['64512:1', 'no-export'],
        extendedCommunities: ['0002fc0000000007'],
        largeCommunities: ['64512:1:2'],
      }),
    }),
  );
  expect(messages).toContainEqual(
    expect.objectContaining({
      attributes: expect.objectContaining({
        mpReach: { afi: 2, safi: 1, nextHops: ['2001:db8::9'], prefixes: ['2001:db8:2::/64'] },
        communities: ['64512:2'],
      }),
    }),
  );
  expect(messages.at(-1)).toMatchObject({
    name: 'cease/administrative-shutdown',
    communication: 'maintenance tonight',
  });
});

test('FRR: what its configuration says', () => {
  const messages = shown('frr.txt');
  expect(messages[0]).toMatchObject({
    asn: 64_512,
    routerId: '192.0.2.3',
    capabilities: expect.arrayContaining([
      { code: 73, name: 'fqdn', hostName: 'router-f', domainName: '' },
      expect.objectContaining({ code: 69, name: 'add-path' }),
      expect.objectContaining({ code: 64, restarting: true, notification: true }),
    ]),
  });
  expect(messages).toContainEqual(
    expect.objectContaining({
      announced: ['10.0.0.0/8', '198.51.100.0/24'],
      attributes: expect.objectContaining({ origin: 'igp', nextHop: '192.0.2.9', med: 0 }),
    }),
  );
  expect(messages.filter((message) => 'endOfRib' in message)).toHaveLength(2);
});

test('GoBGP: what it was told', () => {
  const messages = shown('gobgp.txt');
  expect(messages[0]).toMatchObject({
    capabilities: expect.arrayContaining([
      { code: 1, name: 'multiprotocol', afi: 25, safi: 70 },
      expect.objectContaining({ code: 5, families: expect.arrayContaining([{ afi: 1, safi: 1, nextHopAfi: 2 }]) }),
    ]),
  });
  expect(messages).toContainEqual(
    expect.objectContaining({
      announced: ['203.0.113.0/24'],
      attributes: {
        origin: 'egp',
        asPath: [{ type: 'sequence', asns: [64_512, 4_200_000_001, 65_010] }],
        nextHop: '192.0.2.9',
        med: 50,
        communities: ['64512:1', 'no-export'],
        largeCommunities: ['64512:1:2'],
      },
    }),
  );
  expect(messages).toContainEqual(
    expect.objectContaining({ attributes: { mpUnreach: { afi: 2, safi: 1, prefixes: ['2001:db8:1::/48'] } } }),
  );
});
