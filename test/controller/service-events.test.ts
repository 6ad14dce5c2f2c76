import { expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { Condition } from '../../src/cluster/ports.ts';
import { type Standing, serviceEvents } from '../../src/controller/service-events.ts';
import { serviceKey } from '../../src/inventory/service-request.ts';

const condition = (status: Condition['status'], reason: string): Condition => ({
  type: 'clarion.dev/Announced',
  status,
  reason,
  message: 'because',
});
const standing = (lastByte: number | undefined, announced?: Condition, reason?: 'pool-exhausted'): Standing => ({
  decision: {
    service: serviceKey('shop', 'web'),
    addresses: lastByte === undefined ? [] : [ipAddress('ipv4', 0xc0000200n + BigInt(lastByte))],
    pool: 'public',
    reason,
    message: reason && 'it is full',
  },
  conditions: announced === undefined ? [] : [announced],
});
const reasonsOf = (before: Standing | undefined, after: Standing, assigned = ''): string[] =>
  serviceEvents(before, after, assigned).map(({ type, reason }) => `${type} ${reason}`);

test('an address that is given, changed and taken back', () => {
  expect(reasonsOf(undefined, standing(1))).toEqual(['Normal AddressAssigned']);
  expect(reasonsOf(standing(1), standing(2))).toEqual(['Normal AddressAssigned']);
  expect(reasonsOf(standing(1), standing(undefined))).toEqual(['Normal AddressReleased']);
});

test('what a restarted controller finds as it was is no event', () => {
  expect(reasonsOf(undefined, standing(1, condition('True', 'Announced')), '192.0.2.1')).toEqual([]);
});

test('why a new Service is not announced is told with its address; that it is not known yet is not', () => {
  expect(reasonsOf(undefined, standing(1, condition('False', 'NoEndpoints')))).toEqual([
    'Normal AddressAssigned',
    'Normal NotAnnounced',
  ]);
  expect(reasonsOf(standing(undefined), standing(1, condition('False', 'NoEndpoints')))).toHaveLength(2);
  expect(reasonsOf(undefined, standing(1, condition('Unknown', 'Pending')))).toEqual(['Normal AddressAssigned']);
  expect(reasonsOf(undefined, standing(1, condition('False', 'NoEndpoints')), '192.0.2.1')).toEqual([]);
});

test('a refusal is told once', () => {
  const refused = standing(undefined, undefined, 'pool-exhausted');
  expect(reasonsOf(undefined, refused)).toEqual(['Warning AllocationFailed']);
  expect(reasonsOf(refused, refused)).toEqual([]);
});

test('announced, not announced, and a conflict at any time', () => {
  const announced = standing(1, condition('True', 'Announced'));
  const silent = standing(1, condition('False', 'NoEndpoints'));
  const conflict = standing(1, condition('True', 'AddressConflict'));
  expect(reasonsOf(silent, announced)).toEqual(['Normal Announced']);
  expect(reasonsOf(announced, silent)).toEqual(['Normal NotAnnounced']);
  expect(reasonsOf(announced, conflict)).toEqual(['Warning AddressConflict']);
  expect(reasonsOf(undefined, conflict, '192.0.2.1')).toEqual(['Warning AddressConflict']);
  expect(reasonsOf(conflict, conflict)).toEqual([]);
});
