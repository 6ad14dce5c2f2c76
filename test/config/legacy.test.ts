import { describe, expect, it } from 'vitest';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { parseIpRange, prefixesOfRange } from '../../src/base/ip-range.ts';
import { formatPrefix } from '../../src/base/prefix.ts';
import { errorsOf, judge, placesOf } from './judging.ts';

import { ACCEPTED, FULL, peer, REJECTED } from './legacy-cases.ts';

describe('MetalLB v0.12.1 accepts', () => {
  it.each(ACCEPTED)('%s', (_title, text) => {
    const judgement = judge(text);
    expect(errorsOf(judgement)).toEqual([]);
    expect(judgement.dialect).toBe('metallb-legacy');
    expect(placesOf(judgement)).toContain('1:1 legacy-dialect');
  });

  it('1 an empty document, in a ConfigMap: no peers, no pools', () => {
    const judgement = judge('apiVersion: v1\nkind: ConfigMap\ndata:\n  config: ""\n');
    expect(errorsOf(judgement)).toEqual([]);
    expect([judgement.config.pools, judgement.config.peers]).toEqual([[], []]);
  });
});

describe('MetalLB v0.12.1 rejects', () => {
  it.each(REJECTED)('%s', (_title, text, code) => {
    expect(errorsOf(judge(text))).toContain(code);
  });

  it('1 text that is no YAML', () => {
    expect(errorsOf(judge('howdy: [boy'))).toEqual(['not-yaml']);
  });
});

describe('what the legacy dialect means', () => {
  it('the full configuration', () => {
    const { config } = judge(FULL);
    const [first, second] = config.peers;
    expect(config.peers.map(({ name }) => name)).toEqual(['peer1', 'peer2']);
    expect(first).toMatchObject({
      myASN: 42,
      peerASN: 142,
      peerPort: 1179,
      holdTime: 180_000,
      keepaliveTime: 60_000,
      passwords: ['12345'],
      ebgpMultiHop: true,
    });
    expect(formatIpAddress(first!.routerID!)).toBe('10.20.30.40');
    expect(second).toMatchObject({ peerPort: 179, holdTime: 90_000, keepaliveTime: 30_000 });
    expect(second?.nodeSelectors).toEqual([
      { matchLabels: { foo: 'bar' }, matchExpressions: [{ key: 'bar', operator: 'In', values: ['quux'] }] },
    ]);
    expect(config.pools.map(({ name, autoAssign, avoidBuggyIPs }) => [name, autoAssign, avoidBuggyIPs])).toEqual([
      ['pool1', false, true],
      ['pool2', true, false],
      ['pool3', true, false],
      ['pool4', true, false],
    ]);
    expect(config.l2Advertisements.map(({ name, ipAddressPools }) => [name, ...ipAddressPools])).toEqual([
      ['pool3', 'pool3'],
      ['pool4', 'pool4'],
    ]);
    expect(config.bgpAdvertisements).toMatchObject([
      {
        name: 'pool1-1',
        ipAddressPools: ['pool1'],
        aggregationLength: 32,
        localPref: 100,
        communities: [{ value: 0xfc0004d2 }, { value: 0x04d20929 }],
      },
      { name: 'pool1-2', ipAddressPools: ['pool1'], aggregationLength: 24, aggregationLengthV6: 64, communities: [] },
      { name: 'pool2', ipAddressPools: ['pool2'], aggregationLength: 32, aggregationLengthV6: 128, communities: [] },
    ]);
  });

  it.each([
    ['40.0.0.150-40.0.0.200', '150/31 152/29 160/27 192/29 200/32'],
    ['40.0.0.210-40.0.0.240', '210/31 212/30 216/29 224/28 240/32'],
    ['3.3.3.2-3.3.3.254', '2/31 4/30 8/29 16/28 32/27 64/26 128/26 192/27 224/28 240/29 248/30 252/31 254/32'],
  ])('range summary: %s', (text, expected) => {
    const range = parseIpRange(text);
    const prefixes = range.ok ? prefixesOfRange(range.value).map(formatPrefix) : [];
    expect(prefixes.map((prefix) => prefix.split('.').at(-1)).join(' ')).toBe(expected);
  });

  it('one bad pool leaves the others', () => {
    const text = FULL.replace('30.0.0.0/8', '30.0.0.0/99');
    const { config, problems } = judge(text);
    const line = text.slice(0, text.indexOf('30.0.0.0/99')).split('\n').length;
    const column = text.split('\n')[line - 1]!.indexOf('30.0.0.0/99') + 1;
    expect(config.pools.map(({ name }) => name)).toEqual(['pool1', 'pool3', 'pool4']);
    expect(problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'bad-address', line, column },
    ]);
  });

  it('problems use the names of the dialect', () => {
    expect(judge(peer(', hold-tme: 5s')).problems.at(-1)?.message).toContain('Did you mean "hold-time"?');
    expect(judge('peers:\n- {peer-asn: 142, peer-address: 1.2.3.4}').problems.at(-1)?.message).toContain(
      'has no "my-asn"',
    );
  });

  it('two different peers at one address are a warning', () => {
    expect(placesOf(judge(`${peer()}\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.4, hold-time: 30s}`))).toEqual([
      '1:1 legacy-dialect',
      '3:3 clashing-peers',
    ]);
  });
});
