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
    [['bgp', '00'], 2, 'decode bgp comes with a later version; this version decodes arp, ndp, bfd'],
    [['toString', '00'], 2, '"toString" is no protocol'],
    [['arp', '/no/such/file'], 3, 'neither hex digits nor a file that exists'],
    [['arp', directory], 3, 'EISDIR'],
  ] as const)('%j: exit code %i', (args, code, message) => {
    const run = decode(args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
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
