import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpRange } from '../../src/base/ip-range.ts';
import { decodeEffective, type EffectiveConfig, encodeEffective, mergeEffective } from '../../src/config/effective.ts';
import { judge } from './judging.ts';

const pool = (name: string, addresses = `10.${name.charCodeAt(0)}.0.0/24`) =>
  `- {name: ${name}, addresses: [${addresses}]}`;
const pools = (...lines: string[]) => `pools:\n${lines.join('\n')}\n`;
const none: ReadonlySet<string> = new Set();

/** One text after the other; the pools that are in use belong to the last one. */
function after(texts: readonly (string | undefined)[], inUse: readonly string[] = []): EffectiveConfig {
  let effective: EffectiveConfig | undefined;
  texts.forEach((text, i) => {
    const used = i === texts.length - 1 ? new Set(inUse) : none;
    effective = mergeEffective(effective, text === undefined ? undefined : judge(text), used);
  });
  return effective!;
}
const shown = ({ config }: EffectiveConfig) =>
  config.pools.map(
    ({ name, ranges, retired }) => `${name} ${ranges.map(formatIpRange).join(' ')}${retired ? ' retired' : ''}`,
  );

describe('the configuration in force', () => {
  it('is what the text says, from generation 1', () => {
    const effective = after([pools(pool('a'))]);
    expect([effective.generation, shown(effective), effective.stale]).toEqual([1, ['a 10.97.0.0/24'], []]);
  });

  it('is empty where there never was a text', () => {
    expect(shown(after([undefined]))).toEqual([]);
    expect(after([undefined]).generation).toBe(1);
  });

  it('is the same object while nothing changes, also when only the layout of the text does', () => {
    const first = mergeEffective(undefined, judge(pools(pool('a'))), none);
    expect(mergeEffective(first, judge(`# more\n${pools(pool('a'))}`), none)).toBe(first);
    expect(mergeEffective(first, judge(pools(pool('b'))), none).generation).toBe(2);
  });

  it('keeps the last good version of a bad pool, and takes changes of the others', () => {
    const effective = after([pools(pool('a'), pool('b')), pools(pool('a', 'x'), pool('b', '10.9.0.0/24'))]);
    expect(shown(effective)).toEqual(['b 10.9.0.0/24', 'a 10.97.0.0/24']);
    expect(effective.stale).toEqual([{ section: 'pools', name: 'a' }]);
    expect(effective.problems).toMatchObject([{ code: 'bad-address' }]);
  });

  it('stays stale as long as the text is bad, and no longer', () => {
    const bad = pools(pool('a', 'x'));
    expect(after([pools(pool('a')), bad, bad]).generation).toBe(2);
    expect(after([pools(pool('a')), bad, pools(pool('a', '10.9.0.0/24'))]).stale).toEqual([]);
  });

  it.each([
    ['l2Advertisements', 'l2Advertisements: [{interfaces: [eth0]}]', 'l2Advertisements: [{interfaces: 5}]', 'l2-1'],
    [
      'bgpAdvertisements',
      'bgpAdvertisements: [{name: n, localPref: 1}]',
      'bgpAdvertisements: [{name: n, localPref: x}]',
      'n',
    ],
    ['bfdProfiles', 'bfdProfiles: [{name: n}]', 'bfdProfiles: [{name: n, echoMode: 1}]', 'n'],
    [
      'peers',
      'peers: [{name: n, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1}]',
      'peers: [{name: n, myASN: 1, peerASN: 2}]',
      'n',
    ],
  ] as const)('keeps the last good version in %s', (section, good, bad, name) => {
    const effective = after([pools(pool('a')) + good, pools(pool('a')) + bad]);
    expect(effective.stale).toEqual([{ section, name }]);
    expect(effective.config[section]).toEqual(after([pools(pool('a')) + good]).config[section]);
  });

  it.each(['layer2', 'membership', 'election', 'bgp'] as const)('keeps the last good %s', (section) => {
    const written = {
      layer2: '{gratuitous: {rounds: 9}}',
      membership: '{port: 9}',
      election: '{rebalance: {perMinute: 9}}',
      bgp: '{drainWait: 9s}',
    };
    const good = `${pools(pool('a'))}${section}: ${written[section]}`;
    const effective = after([good, `${pools(pool('a'))}${section}: {nonsense: 1}`]);
    expect(effective.config[section]).toEqual(judge(good).config[section]);
    expect(effective.stale).toEqual([{ section, name: section }]);
  });

  it('keeps everything of a section whose name is misspelt', () => {
    const effective = after([pools(pool('a'), pool('b')), `poolz:\n${pool('a')}`]);
    expect(shown(effective)).toEqual(['a 10.97.0.0/24', 'b 10.98.0.0/24']);
    expect(effective.stale).toHaveLength(2);
  });

  it.each([
    ['no ConfigMap', undefined],
    ['an empty text', ''],
    ['an empty mapping', '{}'],
    ['no element', 'pools: []'],
  ])('with %s everything stays, and nothing new is given', (_what, text) => {
    const before = `${pools(pool('a'))}peers: [{name: n, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1}]\nbgpAdvertisements: [{}]`;
    const effective = after([before, text]);
    expect(shown(effective)).toEqual(['a 10.97.0.0/24 retired']);
    expect(effective.config.peers).toHaveLength(1);
    expect(effective.config.bgpAdvertisements).toHaveLength(1);
    expect(shown(after([before, text, before])), 'and all is well when the text is back').toEqual(['a 10.97.0.0/24']);
  });
});

describe('a text that cannot be read', () => {
  it.each([
    ['no YAML', 'pools: ['],
    ['a list', '- a'],
  ])('%s: all that was in force stays in force, and is called stale', (_what, text) => {
    const before = `${pools(pool('a'))}peers: [{name: n, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1}]\nbgpAdvertisements: [{}]`;
    const effective = after([before, text]);
    expect(effective.config).toEqual(judge(before).config);
    expect(effective.stale.map(({ section }) => section)).toEqual(['pools', 'bgpAdvertisements', 'peers']);
    expect(after([before, text, text])).toEqual(effective);
    expect(after([before, text, before]).stale).toEqual([]);
  });
});

describe('a pool that was removed', () => {
  const selecting = (...names: string[]) =>
    `l2Advertisements: [{name: edge, ipAddressPools: [${names.join(', ')}], interfaces: [eth0]}]\n`;

  it('is gone when nothing uses it', () => {
    expect(shown(after([pools(pool('a'), pool('b')), pools(pool('b'))]))).toEqual(['b 10.98.0.0/24']);
  });

  it('is kept while it is in use, and gone when it is free', () => {
    const removed = pools(pool('b'));
    const texts = [pools(pool('a'), pool('b')), removed];
    expect(shown(after(texts, ['a']))).toEqual(['b 10.98.0.0/24', 'a 10.97.0.0/24 retired']);
    expect(shown(after([...texts, removed]))).toEqual(['b 10.98.0.0/24']);
  });

  it('needs no advertisement of its own where a present one selects it', () => {
    const effective = after([pools(pool('a'), pool('b')), pools(pool('b'))], ['a']);
    expect(effective.config.l2Advertisements.map(({ name }) => name)).toEqual(['default']);
  });

  it('keeps those of its advertisements that selected it, narrowed to it', () => {
    const effective = after(
      [pools(pool('a'), pool('b')) + selecting('a', 'b'), pools(pool('b')) + selecting('b')],
      ['a'],
    );
    expect(effective.config.l2Advertisements).toMatchObject([
      { name: 'edge', ipAddressPools: ['b'] },
      { name: 'edge/a', ipAddressPools: ['a'], interfaces: ['eth0'] },
    ]);
  });

  it('keeps them over and over with the same names', () => {
    const text = pools(pool('b')) + selecting('b');
    let effective = after([pools(pool('a'), pool('b')) + selecting('a', 'b'), text], ['a']);
    for (let i = 0; i < 3; i++) expect(mergeEffective(effective, judge(text), new Set(['a']))).toBe(effective);
    effective = mergeEffective(effective, judge(text), none);
    expect(effective.config.l2Advertisements.map(({ name }) => name)).toEqual(['edge']);
  });

  it('loses the addresses that a good pool of now has', () => {
    const renamed = after([pools(pool('a')), pools(pool('z', '10.97.0.0/24'))], ['a']);
    expect(shown(renamed)).toEqual(['z 10.97.0.0/24']);
    const partly = after([pools(pool('a')), pools(pool('z', '10.97.0.64/26'))], ['a']);
    expect(shown(partly)).toEqual(['z 10.97.0.64/26', 'a 10.97.0.0/26 10.97.0.128/25 retired']);
  });

  it('and so does the last good version of a bad pool', () => {
    const effective = after([pools(pool('a'), pool('b')), pools(pool('a', 'x'), pool('b', '10.97.0.0/25'))]);
    expect(shown(effective)).toEqual(['b 10.97.0.0/25', 'a 10.97.0.128/25']);
  });
});

describe('the published text', () => {
  const body =
    pools(pool('a', '10.0.0.0/24, "2001:db8::/32"')) +
    'l2Advertisements: [{serviceSelectors: [{matchLabels: {a: b}}]}]\nelection: {rebalance: {perMinute: 3}}';

  it('reads back exactly', () => {
    const effective = after([body, pools(pool('a', 'x'))]);
    expect(decodeEffective(encodeEffective(effective))).toStrictEqual({ ok: true, value: effective });
  });

  it('is equal for equal values, whatever the order of their keys', () => {
    const effective = after([body]);
    const turned = Object.fromEntries(Object.entries(effective).toReversed()) as unknown as EffectiveConfig;
    expect(encodeEffective(turned)).toBe(encodeEffective(effective));
  });

  it('keeps any value: bigint, undefined, keys that look like its own signs', () => {
    const key = fc.oneof(fc.constantFrom('$', '$$', '$a', '__proto__', 'toString'), fc.string({ maxLength: 5 }));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.bigInt(),
        fc.constant(undefined),
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(key, tie('value'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(fc.array(value), (stale) => {
        const effective = { ...after([body]), stale } as unknown as EffectiveConfig;
        expect(decodeEffective(encodeEffective(effective))).toStrictEqual({ ok: true, value: effective });
      }),
    );
  });

  it.each([
    ['nothing', '', 'not JSON'],
    ['cut short', encodeEffective(after([body])).slice(0, -20), 'not JSON'],
    ['edited', encodeEffective(after([body])).replace('"generation":1', '"generation":2'), 'edited'],
    [
      'a later format',
      encodeEffective(after([body])).replace('-config/1', '-config/2'),
      'format clarion-effective-config/2',
    ],
    ['something else', '{"a":1}', 'no body'],
    ['a number', '1', 'no body'],
  ])('is refused with a reason: %s', (_what, text, reason) => {
    const read = decodeEffective(text);
    expect(read.ok).toBe(false);
    expect(read.ok ? '' : read.error).toContain(reason);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(decodeEffective(text).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(decodeEffective(`{"format":"clarion-effective-config/1","digest":"","body":${text}}`).ok).toBe(false);
      }),
    );
  });
});
