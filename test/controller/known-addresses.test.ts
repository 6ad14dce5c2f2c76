import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AddressVerdict } from '../../src/announcement/verdict.ts';
import { ipAddressIn } from '../../src/base/ip-address.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import type { AddressWord, SpeakerReport } from '../../src/cluster/ports.ts';
import { KnownAddresses } from '../../src/controller/known-addresses.ts';
import { type ServiceKey, serviceKey } from '../../src/inventory/service-request.ts';

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'] as const;
const NODES = ['node-a', 'node-b', 'node-c'] as const;
const SERVICES = [serviceKey('shop', 'one'), serviceKey('shop', 'two'), serviceKey('shop', 'three')];

const verdict = (address: string, services: readonly ServiceKey[]): AddressVerdict => ({
  address: ipAddressIn(address),
  services,
  pool: 'public',
  barred: undefined,
  nodes: [],
});
const word = fc.record<AddressWord>({
  state: fc.constantFrom('announced', 'prepared', 'probing', 'refused'),
  reason: fc.constantFrom(undefined, 'address-conflict', 'no-session'),
  message: fc.constantFrom(undefined, 'a rival'),
});
type Words = TrackedMap<string, readonly AddressWord[]>;

/** All that it knows, in an order. */
const knownTo = (known: KnownAddresses): unknown =>
  ADDRESSES.map((address) => [known.verdictOf(address), known.news.get(address)]);

/** Of each Service, what is known of its addresses. */
const knownOf = (known: KnownAddresses, service: ServiceKey): unknown =>
  ADDRESSES.filter((address) => known.verdictOf(address)?.services.includes(service)).map((address) => [
    known.verdictOf(address),
    known.news.get(address),
  ]);

test('whatever changes, what is known is what somebody knows who begins now, and every Service concerned is named', () => {
  const address = fc.constantFrom(...ADDRESSES);
  const node = fc.constantFrom(...NODES);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('verdict' as const), address, services: fc.option(fc.subarray(SERVICES)) }),
    fc.record({
      kind: fc.constant('words' as const),
      node,
      address,
      words: fc.option(fc.array(word, { minLength: 1, maxLength: 2 })),
    }),
    // Its Pod is another one, or gone.
    fc.record({ kind: fc.constant('replaced' as const), node }),
    fc.record({ kind: fc.constant('gone' as const), node }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), (history) => {
      const known = new KnownAddresses();
      const verdicts = new TrackedMap<string, AddressVerdict>();
      const said = new Map<string, Words>();
      for (const steps of history) {
        for (const one of steps) {
          if (one.kind === 'verdict') {
            if (one.services === null) verdicts.delete(one.address);
            else verdicts.set(one.address, verdict(one.address, one.services));
          } else if (one.kind === 'gone') said.delete(one.node);
          else if (one.kind === 'replaced') said.set(one.node, new TrackedMap(said.get(one.node)));
          else {
            const words: Words = said.get(one.node) ?? new TrackedMap();
            said.set(one.node, words);
            if (one.words === null) words.delete(one.address);
            else words.set(one.address, one.words);
          }
        }
        const reports: readonly SpeakerReport[] = NODES.flatMap((name) => {
          const addresses = said.get(name);
          return addresses === undefined ? [] : [{ node: name, at: '2026-01-01T00:00:00Z', addresses }];
        });
        const before = SERVICES.map((service) => knownOf(known, service));
        const concerned = known.update(verdicts, reports);
        const anew = new KnownAddresses();
        anew.update(verdicts, reports);
        expect(knownTo(known)).toEqual(knownTo(anew));
        for (const [i, service] of SERVICES.entries())
          if (!concerned.has(service)) expect(knownOf(known, service)).toEqual(before[i]);
        expect(known.update(verdicts, reports).size).toBe(0);
      }
    }),
  );
});

test('a word that changes nothing of the best one concerns nobody', () => {
  const known = new KnownAddresses();
  const verdicts = new Map([['192.0.2.1', verdict('192.0.2.1', [SERVICES[0]!])]]);
  const words = (state: AddressWord['state']): Words =>
    new TrackedMap([['192.0.2.1', [{ state, reason: undefined, message: undefined }]]]);
  const [a, b] = [words('announced'), words('prepared')];
  const reports = (): SpeakerReport[] =>
    [a, b].map((addresses, i) => ({ node: NODES[i]!, at: '2026-01-01T00:00:00Z', addresses }));
  expect(known.update(verdicts, reports())).toEqual(new Set([SERVICES[0]]));
  b.set('192.0.2.1', [{ state: 'probing', reason: undefined, message: undefined }]);
  expect(known.update(verdicts, reports())).toEqual(new Set());
  // A failover: another one announces it, and nothing is to be written.
  b.set('192.0.2.1', [{ state: 'announced', reason: undefined, message: undefined }]);
  a.delete('192.0.2.1');
  expect(known.update(verdicts, reports())).toEqual(new Set());
  b.delete('192.0.2.1');
  expect(known.update(verdicts, reports())).toEqual(new Set([SERVICES[0]]));
});
