import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { arpJson, ndpJson } from '../../src/layer2/frame-json.ts';
import { request, solicitation } from '../layer2/scene.ts';
import { bytesOf, vectors } from '../vectors/frames.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'clarion-decode-'));
afterAll(() => rmSync(directory, { recursive: true }));

function decode(args: readonly string[], input = '') {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const run = spawnSync(process.execPath, [tsx, join(root, 'src/main.ts'), 'decode', ...args], {
    input,
    encoding: 'utf8',
  });
  const lines = run.stdout.split('\n').filter((line) => line !== '');
  return {
    code: run.status,
    stderr: run.stderr,
    lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const named = (name: string): string =>
  vectors.find((vector) => vector.name.startsWith(name))!.hex.replace(/\s+/g, ' ');

describe('clarion decode', () => {
  test('one line in, one object out, in order: comments, blanks, colons, upper case, errors, other protocols', () => {
    const colons = hexOf(request('192.0.2.50'))
      .toUpperCase()
      .replace(/(..)(?!$)/g, '$1:');
    const input = [
      '# captured at night',
      '',
      colons,
      'zz',
      `${named('RFC 826: the reply')}  # the answer`,
      hexOf(solicitation('2001:db8::50')),
      'ff',
    ];
    const { code, lines } = decode(['arp', '-'], input.join('\r\n'));
    expect(code).toBe(1);
    expect(lines).toMatchObject([
      { type: 'ARP', operation: 'request', targetIp: '192.0.2.50', destination: 'ff:ff:ff:ff:ff:ff' },
      { error: { handling: 'ignore', message: '"z" is not a hex digit' } },
      { type: 'ARP', operation: 'reply', senderMac: '02:00:00:00:00:01' },
      { type: 'other', reason: 'other-ether-type' },
      { error: { handling: 'ignore', reason: 'truncated-ethernet' } },
    ]);
  });

  test('from the argument, exit code 0', () => {
    const { code, lines } = decode(['ndp', named('RFC 4861 §4.4')]);
    expect([code, lines.length]).toEqual([0, 1]);
    expect(lines[0]).toEqual({
      type: 'neighbor-advertisement',
      source: '2001:db8::50',
      destination: 'ff02::1',
      hopLimit: 255,
      target: '2001:db8::50',
      targetLinkLayer: '02:00:00:00:00:01',
      router: false,
      solicited: false,
      override: true,
    });
  });

  test('from a file', () => {
    const file = join(directory, 'frames.hex');
    writeFileSync(file, `${named('RFC 4861 §4.3')}\n${named('RFC 4862')}`);
    const { code, lines } = decode(['ndp', file]);
    expect(code).toBe(0);
    expect(lines.map(({ source, sourceLinkLayer }) => [source, sourceLinkLayer])).toEqual([
      ['2001:db8::100', '02:00:00:00:00:99'],
      ['::', undefined],
    ]);
  });

  test('BFD with the TTL that it came with', () => {
    const packet = '20 40 03 18 00000001 00000000 000f4240 000493e0 00000000';
    const read = { type: 'BFD', version: 1, state: 'down', detectMultiplier: 3, authentication: null };
    const far = { type: 'BFD', error: { handling: 'ignore', reason: 'ttl' } };
    const { code, lines } = decode(['bfd', '-'], `${packet}\n${packet.slice(0, 20)}\n`);
    expect([code, lines]).toMatchObject([1, [read, { type: 'BFD', error: { reason: 'truncated' } }]]);
    const multihop = ['--multihop', '--ttl', '250'];
    expect(decode(['bfd', packet])).toMatchObject({ code: 0, lines: [read] });
    expect(decode(['bfd', packet, '--ttl', '254'])).toMatchObject({ code: 1, lines: [far] });
    expect(decode(['bfd', packet, ...multihop])).toMatchObject({ code: 1, lines: [far] });
    expect(decode(['bfd', packet, ...multihop, '--minimum-ttl', '250'])).toMatchObject({ code: 0, lines: [read] });
  });

  test.each([
    [['bfd', '00', '--minimum-ttl', '250'], 2, '--minimum-ttl is for --multihop'],
    [['bfd', '00', '--ttl', '256'], 2, 'It must be a number from 0 to 255'],
    [['bgp', '00', '--add-path=ipv5'], 2, 'It must be ipv4, ipv6, or ipv4,ipv6'],
    [['toString', '00'], 2, '"toString" is no protocol that can be decoded; this version decodes arp, ndp, bfd, bgp'],
    [['arp', '/no/such/file'], 3, 'neither hex digits nor a file that exists'],
    [['arp', directory], 3, 'EISDIR'],
  ] as const)('%j: exit code %i', (args, code, message) => {
    const run = decode(args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
  });
});

describe('clarion decode bgp', () => {
  const marker = 'ff'.repeat(16);
  const announce = `${marker} 002f 02 0000 0014 400101 00 400206 0201 0000fde8 400304 c0000201 18 cb0071`;

  test('whole messages, marker included: one object a line, exit code 0', () => {
    const input = [
      `${marker} 002f 01 04 fde8 005a c0000201 12 02 10 01 04 00010001 41 04 0000fde8 63 02 00ff`,
      announce,
      `${marker} 0017 02 0000 0000`,
      `${marker} 0021 03 0602 0b 6d61696e74656e616e6365`,
      `${marker} 0017 05 0001 00 01`,
      `${marker} 0013 04`,
    ];
    const { code, lines } = decode(['bgp', '-'], input.join('\n'));
    expect(code).toBe(0);
    expect(lines).toEqual([
      {
        type: 'OPEN',
        length: 47,
        version: 4,
        asn: 65_000,
        as2: 65_000,
        holdTime: 90,
        routerId: '192.0.2.1',
        capabilities: [
          { code: 1, name: 'multiprotocol', afi: 1, safi: 1 },
          { code: 65, name: 'as4', asn: 65_000 },
          { code: 99, value: '00ff' },
        ],
      },
      {
        type: 'UPDATE',
        length: 47,
        withdrawn: [],
        announced: ['203.0.113.0/24'],
        attributes: { origin: 'igp', asPath: [{ type: 'sequence', asns: [65_000] }], nextHop: '192.0.2.1' },
      },
      { type: 'UPDATE', length: 23, withdrawn: [], announced: [], attributes: {}, endOfRib: { afi: 1, safi: 1 } },
      {
        type: 'NOTIFICATION',
        code: 6,
        subcode: 2,
        name: 'cease/administrative-shutdown',
        communication: 'maintenance',
        data: '0b6d61696e74656e616e6365',
      },
      { type: 'ROUTE-REFRESH', afi: 1, safi: 1, subtype: 0 },
      { type: 'KEEPALIVE', length: 19 },
    ]);
  });

  test('in error: what is to be done about it, and what could be read; exit code 1', () => {
    const { code, lines } = decode(['bgp', announce.replace('400101 00', '400101 05')]);
    expect(code).toBe(1);
    expect(lines).toEqual([
      {
        type: 'UPDATE',
        error: { handling: 'treat-as-withdraw', attribute: 1, message: expect.stringContaining('RFC 7606 §7.1') },
        length: 47,
        withdrawn: ['203.0.113.0/24'],
        announced: [],
        attributes: { asPath: [{ type: 'sequence', asns: [65_000] }], nextHop: '192.0.2.1' },
      },
    ]);
  });

  test('what the session had agreed on', () => {
    const input = [
      `${marker} 0038 02 0000 0019 400101 00 400204 0201 fde8 400304 c0000201 400504 00000064 00000007 18 cb0071`,
      `${marker} 1388 03 0609 ${'00'.repeat(5000 - 21)}`,
      `${marker} 0043 02 0000 002c 800e1e 0001 01 10 fe80${'00'.repeat(13)}01 00 00000007 20 cb007101 400101 00 400204 0201 fde8`,
    ];
    const agreed = ['--as4=false', '--add-path=ipv4,ipv6', '--extended-message', '--extended-next-hop'];
    const { code, lines } = decode(['bgp', ...agreed, '--peer-type=internal', '-'], input.join('\n'));
    expect(code).toBe(0);
    expect(lines).toMatchObject([
      {
        announced: [{ pathId: 7, prefix: '203.0.113.0/24' }],
        attributes: { localPref: 100, asPath: [{ asns: [65_000] }] },
      },
      { type: 'NOTIFICATION', name: 'cease/hard-reset' },
      { attributes: { mpReach: { nextHops: ['fe80::1'], prefixes: [{ pathId: 7, prefix: '203.0.113.1/32' }] } } },
    ]);
    const without = decode(['bgp', '-'], input.join('\n'));
    expect(without.code).toBe(1);
    expect(without.lines).toMatchObject([
      { error: { handling: 'reset', code: 3, subcode: 10 } },
      { error: { handling: 'reset', code: 1, subcode: 2 } },
      { error: { handling: 'reset', code: 3, subcode: 9, attribute: 14 } },
    ]);
  });
});

describe('what is malformed tells what could be read', () => {
  test('ARP', () => {
    expect(arpJson(request('192.0.2.50').subarray(0, 40))).toEqual({
      type: 'ARP',
      error: { handling: 'ignore', reason: 'truncated-arp', message: expect.stringContaining('RFC 826') },
      operation: 'request',
      source: '02:00:00:00:00:99',
      destination: 'ff:ff:ff:ff:ff:ff',
    });
    expect(arpJson(request('192.0.2.50', { operation: 5 }))).toMatchObject({ operation: 5 });
  });
  test('NDP', () => {
    expect(ndpJson(solicitation('2001:db8::50', { hopLimit: 64 }))).toMatchObject({
      type: 'neighbor-solicitation',
      error: { handling: 'ignore', reason: 'hop-limit' },
      hopLimit: 64,
      target: '2001:db8::50',
    });
  });
  test('VLAN-tagged frames are not for us', () => {
    const tagged = bytesOf('ffffffffffff 020000000099 8100 0064 0806 0001');
    for (const json of [arpJson, ndpJson]) expect(json(tagged)).toEqual({ type: 'other', reason: 'vlan-tagged' });
  });
});
