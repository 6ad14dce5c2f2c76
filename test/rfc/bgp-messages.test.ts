import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/bgp/wire/codec.ts';
import { MAX_MESSAGE } from '../../src/bgp/wire/constants.ts';
import type { Capability, Open } from '../../src/bgp/wire/message.ts';
import {
  cease,
  describeNotification,
  hardReset,
  hardResetCause,
  notification,
  notificationName,
  notificationOf,
  shutdownCommunication,
} from '../../src/bgp/wire/notification.ts';
import { asnOf } from '../../src/bgp/wire/open.ts';
import {
  bytesOf,
  CONTEXT,
  capability,
  faultOf,
  hexOf,
  KEEPALIVE,
  MANDATORY,
  message,
  NOTIFICATION,
  OPEN,
  open,
  parameter,
  ROUTE_REFRESH,
  read,
  UPDATE,
  update,
  verdictOf,
  withLength,
} from '../bgp/wire/octets.ts';

const EXTENDED = { extendedMessage: true };
/** An UPDATE of exactly that many octets: an attribute that nobody knows fills it. */
function updateOf(length: number): Uint8Array {
  const fill = length - update(MANDATORY).length - 4;
  return update(`${MANDATORY} d0 63 ${fill.toString(16).padStart(4, '0')} ${'00'.repeat(fill)}`);
}
function readOpen(bytes: Uint8Array): Open {
  const value = read(bytes);
  if (value.kind !== 'open') throw new Error(value.kind);
  return value;
}
const capabilitiesOf = (...list: string[]): readonly Capability[] =>
  readOpen(open(parameter(2, list.join('')))).capabilities;
const dataOf = (bytes: Uint8Array, context = {}): string => hexOf(faultOf(bytes, context).data);

describe('RFC 4271, the header', () => {
  test('§6.1: a marker that is not all ones: Connection Not Synchronized', () => {
    for (let at = 0; at < 16; at++) expect(verdictOf(message(KEEPALIVE, '').with(at, 0xfe))).toBe('reset 1/1');
  });
  test.each([
    ['less than 19', withLength(KEEPALIVE, 18)],
    ['less than 19, of a type that nobody knows', withLength(9, 0)],
    ['more than 4096', withLength(UPDATE, 4097)],
    ['65,535', withLength(UPDATE, 65_535)],
    ['an OPEN of less than 29', withLength(OPEN, 28)],
    ['an UPDATE of less than 23', withLength(UPDATE, 22)],
    ['a KEEPALIVE that is not 19', withLength(KEEPALIVE, 20)],
    ['a NOTIFICATION of less than 21', withLength(NOTIFICATION, 20)],
    ['a ROUTE-REFRESH of less than 23', withLength(ROUTE_REFRESH, 22)],
  ])('§6.1: Bad Message Length with the field as data: %s', (_, bytes) => {
    expect(verdictOf(bytes)).toBe('reset 1/2');
    expect(dataOf(bytes)).toBe(hexOf(bytes.slice(16, 18)));
  });
  test.each([0, 6, 7, 128, 255])('§6.1: Bad Message Type with the type as data: %i', (type) => {
    const bytes = message(type, '0000');
    expect([verdictOf(bytes), dataOf(bytes)]).toEqual(['reset 1/3', type.toString(16).padStart(2, '0')]);
  });
  test('§4: 4096 octets are a message, 4097 are not', () => {
    expect(verdictOf(updateOf(4096))).toBe('accepted');
    expect(verdictOf(updateOf(4097))).toBe('reset 1/2');
  });
});

describe('RFC 8654, extended messages', () => {
  test('§4: where agreed, 4097 and 65,535 octets are a message', () => {
    for (const length of [4096, 4097, 65_535]) expect(verdictOf(updateOf(length), EXTENDED)).toBe('accepted');
  });
  test('§4: where not agreed, 65,535 octets are Bad Message Length', () => {
    expect(verdictOf(updateOf(65_535))).toBe('reset 1/2');
  });
  test('§4: NOTIFICATION and ROUTE-REFRESH may be extended, OPEN and KEEPALIVE never', () => {
    const filled = (type: number, head: string) => message(type, head + '00'.repeat(4100));
    expect(verdictOf(filled(NOTIFICATION, '0602'), EXTENDED)).toBe('accepted');
    expect(verdictOf(filled(ROUTE_REFRESH, '00010001'), EXTENDED)).toBe('accepted');
    expect(verdictOf(filled(OPEN, '04fde8005ac0000201ffff1004'), EXTENDED)).toBe('reset 1/2');
    expect(verdictOf(filled(KEEPALIVE, ''), EXTENDED)).toBe('reset 1/2');
  });
});

describe('RFC 4271 §6.2, OPEN', () => {
  test('another version: Unsupported Version Number, with ours as data', () => {
    for (const version of ['03', '05', '00']) {
      const bytes = open('', `${version} fde8 005a c0000201`);
      expect([verdictOf(bytes), dataOf(bytes)]).toEqual(['reset 2/1', '0004']);
    }
  });
  test('hold time 1 or 2: Unacceptable Hold Time; 0 and 3 are possible', () => {
    const holding = (seconds: string) => verdictOf(open('', `04 fde8 ${seconds} c0000201`));
    expect(['0000', '0001', '0002', '0003', 'ffff'].map(holding)).toEqual([
      'accepted',
      'reset 2/6',
      'reset 2/6',
      'accepted',
      'accepted',
    ]);
  });
  test('an optional parameter that nobody knows: Unsupported Optional Parameter', () => {
    expect(verdictOf(open(parameter(1, '00')))).toBe('reset 2/4');
    expect(verdictOf(open(parameter(2, capability(2, '')) + parameter(7, '')))).toBe('reset 2/4');
  });
  test('one that is known and malformed: Unspecific', () => {
    for (const parameters of ['02', '0201', '0202 01', '0203 4002 00', '02 05 0104 000100'])
      expect(verdictOf(open(parameters))).toBe('reset 2/0');
  });
  test('the length of the optional parameters must be that of the message', () => {
    const bytes = open(parameter(2, capability(2, '')));
    expect(verdictOf(bytes.with(28, 3))).toBe('reset 2/0');
    expect(verdictOf(bytes.with(28, 5))).toBe('reset 2/0');
  });
  test('of several faults the first of the section counts', () => {
    expect(verdictOf(open('07 00', '04 0000 0001 00000000'))).toBe('reset 2/2');
    expect(verdictOf(open('07 00', '04 fde8 0001 00000000'))).toBe('reset 2/6');
    expect(verdictOf(open('07 00', '04 fde8 005a 00000000'))).toBe('reset 2/3');
  });
});

describe('identifiers and AS numbers of an OPEN', () => {
  test('RFC 6286 §2.1: an identifier is any number but 0', () => {
    expect(verdictOf(open('', '04 fde8 005a 00000000'))).toBe('reset 2/3');
    expect(readOpen(open('', '04 fde8 005a ffffffff')).routerId).toBe(0xffff_ffff);
  });
  test('RFC 7607 §2: the AS number 0 is Bad Peer AS, in either place', () => {
    expect(verdictOf(open('', '04 0000 005a c0000201'))).toBe('reset 2/2');
    expect(verdictOf(open(parameter(2, capability(65, '00000000'))))).toBe('reset 2/2');
  });
  test('RFC 6793 §4.1: the capability has the AS number, whatever the header says', () => {
    const four = open(parameter(2, capability(65, '000186a0')), '04 5ba0 005a c0000201');
    expect(asnOf(readOpen(four))).toBe(100_000);
    expect(asnOf(readOpen(open()))).toBe(65_000);
  });
});

describe('RFC 5492, capabilities', () => {
  test('§4: in one parameter or in many', () => {
    const many = [capability(2, ''), capability(70, '')].map((one) => parameter(2, one)).join('');
    expect(readOpen(open(many)).capabilities).toEqual(capabilitiesOf(capability(2, ''), capability(70, '')));
  });
  test('§4: the same one several times, each counts', () => {
    expect(capabilitiesOf(capability(1, '00010001'), capability(1, '00020001'))).toEqual([
      { kind: 'multiprotocol', family: { afi: 1, safi: 1 } },
      { kind: 'multiprotocol', family: { afi: 2, safi: 1 } },
    ]);
  });
  test('§3: one that we do not know is kept and no error', () => {
    expect(capabilitiesOf(capability(200, 'abcd'))).toEqual([{ kind: 'unknown', code: 200, value: bytesOf('abcd') }]);
  });
  test.each([
    ['RFC 4760 §8: multiprotocol has 4 octets', 1, ['000100', '0001000100']],
    ['RFC 2918 §2: route refresh has none', 2, ['00']],
    ['RFC 8950 §4: extended next hop has 6 for each family', 5, ['0001000100', '00010001000200']],
    ['RFC 8654 §3: extended message has none', 6, ['00']],
    ['RFC 9234 §4.1: a role has 1', 9, ['', '0000']],
    ['RFC 4724 §3: graceful restart has 2, and 4 for each family', 64, ['', '00', '007800', '0078000101']],
    ['RFC 6793 §3: an AS number has 4', 65, ['fde8', '000000fde8']],
    ['RFC 7911 §4: ADD-PATH has 4 for each family', 69, ['000101']],
    ['RFC 7313 §3.1: enhanced route refresh has none', 70, ['00']],
    [
      'draft-walton-bgp-hostname-capability: two texts, each with its length',
      73,
      ['', '00', '0161', '016102', '01610000'],
    ],
  ])('%s, else Unspecific', (_, code, values) => {
    for (const value of values) expect(verdictOf(open(parameter(2, capability(code, value))))).toBe('reset 2/0');
  });
  test('RFC 7911 §4: another direction than 1 to 3 is not understood', () => {
    for (const direction of ['00', '04', 'ff'])
      expect(capabilitiesOf(capability(69, `000101${direction}`))).toEqual([
        { kind: 'unknown', code: 69, value: bytesOf(`000101${direction}`) },
      ]);
  });
  test('RFC 4724 §3, RFC 8538 §2: R and N bits, twelve bits of seconds', () => {
    const head = (value: string) => capabilitiesOf(capability(64, value))[0];
    expect(head('8078')).toMatchObject({ restarting: true, notification: false, restartTime: 120 });
    expect(head('4fff')).toMatchObject({ restarting: false, notification: true, restartTime: 4095 });
    expect(head('3001')).toMatchObject({ restarting: false, notification: false, restartTime: 1 });
  });
});

describe('RFC 9072, extended optional parameters', () => {
  const extended = (parameters: string, stated = 'ff'): Uint8Array => {
    const length = bytesOf(parameters).length.toString(16).padStart(4, '0');
    return message(OPEN, `04 fde8 005a c0000201 ${stated} ff ${length} ${parameters}`);
  };
  test('§2: the type 255 says so, and the first length is not looked at', () => {
    for (const stated of ['ff', '01', '80'])
      expect(readOpen(extended('02 0002 0200', stated)).capabilities).toEqual([{ kind: 'route-refresh' }]);
  });
  test('§2: nothing but the length says that there are none', () => {
    expect(verdictOf(extended('02 0002 0200', '00'))).toBe('reset 2/0');
    expect(readOpen(extended('')).capabilities).toEqual([]);
  });
  test('§2: a length that is not that of the message: Unspecific', () => {
    const bytes = extended('02 0002 0200');
    expect(verdictOf(bytes.with(31, 6))).toBe('reset 2/0');
    expect(verdictOf(bytes.with(31, 4))).toBe('reset 2/0');
    expect(verdictOf(extended('02 00'))).toBe('reset 2/0');
  });
  test('§2: what fits is sent in the form that everybody knows', () => {
    const openWith = (octets: number): Open => ({
      kind: 'open',
      as2: 65_000,
      holdTime: 90,
      routerId: 1,
      capabilities: [{ kind: 'unknown', code: 200, value: new Uint8Array(octets) }],
    });
    expect(encodeMessage(openWith(251), CONTEXT).subarray(28, 31)).toEqual(bytesOf('ff 02 fd'));
    expect(encodeMessage(openWith(252), CONTEXT).subarray(28, 35)).toEqual(bytesOf('ff ff 0101 02 00fe'));
  });
});

describe('NOTIFICATION', () => {
  test.each([
    [1, 1, 'message-header-error/connection-not-synchronized'],
    [2, 0, 'open-message-error/unspecific'],
    [2, 7, 'open-message-error/unsupported-capability'],
    [2, 11, 'open-message-error/role-mismatch'],
    [3, 9, 'update-message-error/optional-attribute-error'],
    [4, 0, 'hold-timer-expired'],
    [5, 2, 'finite-state-machine-error/receive-unexpected-message-in-openconfirm-state'],
    [6, 1, 'cease/maximum-number-of-prefixes-reached'],
    [6, 2, 'cease/administrative-shutdown'],
    [6, 9, 'cease/hard-reset'],
    [6, 10, 'cease/bfd-down'],
    [7, 1, 'route-refresh-message-error/invalid-message-length'],
    [8, 0, 'send-hold-timer-expired'],
    [6, 0, 'cease'],
    [6, 200, 'cease/subcode-200'],
    [77, 3, 'code-77/subcode-3'],
  ])('IANA: %i/%i is %s', (code, subcode, name) => expect(notificationName(code, subcode)).toBe(name));

  test('RFC 4271 §6.4: a code that nobody knows is no reason to answer', () => {
    expect(read(message(NOTIFICATION, '4d03 00'))).toMatchObject({ code: 77, subcode: 3 });
  });

  test('RFC 4271 §6.3: what is sent for a message in error is what the error says', () => {
    const bytes = update(`${MANDATORY} 00 63 00`);
    expect(notificationOf(faultOf(bytes))).toEqual(notification(3, 2, bytesOf('006300')));
  });

  test('RFC 9003 §2: the communication of a shutdown or reset, up to 255 octets of UTF-8', () => {
    for (const subcode of [2, 4])
      expect(shutdownCommunication(cease(subcode, 'Wartung: Köln'))).toEqual({ ok: true, value: 'Wartung: Köln' });
    expect(cease(2, 'x'.repeat(300)).data.length).toBe(256);
    expect(hexOf(cease(2, 'ab').data)).toBe('026162');
  });
  test('RFC 9003 §2: none is none, and other subcodes have none', () => {
    const none = { ok: true, value: undefined };
    expect([cease(2), cease(2, ''), cease(3, 'x')].map(shutdownCommunication)).toEqual([none, none, none]);
    expect(shutdownCommunication(notification(6, 3, bytesOf('0161')))).toEqual(none);
    expect(shutdownCommunication(notification(3, 2, bytesOf('0161')))).toEqual(none);
  });
  test('RFC 9003 §3: a length beyond the end or octets that are no UTF-8 are told to the operator', () => {
    expect(shutdownCommunication(notification(6, 2, bytesOf('0461')))).toMatchObject({ ok: false });
    expect(shutdownCommunication(notification(6, 2, bytesOf('02c328')))).toMatchObject({ ok: false });
  });
  test('RFC 8538 §3: a hard reset has inside what it is for', () => {
    const hard = hardReset(cease(2, 'bye'));
    expect(hard).toMatchObject({ code: 6, subcode: 9, data: bytesOf('0602 03 627965') });
    expect(hardResetCause(hard)).toEqual(cease(2, 'bye'));
    expect(hardResetCause(cease(9))).toBeUndefined();
    expect(describeNotification(hard)).toBe('cease/hard-reset (cease/administrative-shutdown "bye")');
  });
});

describe('ROUTE-REFRESH', () => {
  test('RFC 2918 §3: AFI, a reserved octet that is now the subtype, SAFI', () => {
    expect(read(message(ROUTE_REFRESH, '0002 00 01'))).toEqual({
      kind: 'route-refresh',
      family: { afi: 2, safi: 1 },
      subtype: 0,
    });
  });
  test.each(['01', '02'])(
    'RFC 7313 §5: subtype %s with another length than 4: 7/1 with the whole message',
    (subtype) => {
      const bytes = message(ROUTE_REFRESH, `0001 ${subtype} 01 00`);
      expect([verdictOf(bytes), dataOf(bytes)]).toEqual(['reset 7/1', hexOf(bytes)]);
    },
  );
  test('RFC 7313 §5: of a larger one as much as a NOTIFICATION can hold', () => {
    const bytes = message(ROUTE_REFRESH, `0001 01 01 ${'00'.repeat(5000)}`);
    const { error } = decodeMessage(bytes, { ...CONTEXT, ...EXTENDED });
    expect(encodeMessage(notificationOf(error!), CONTEXT).length).toBe(MAX_MESSAGE);
  });
  test('RFC 7313 §5: another subtype is ignored', () => {
    for (const subtype of ['03', 'ff']) expect(verdictOf(message(ROUTE_REFRESH, `0001 ${subtype} 01`))).toBe('ignore');
  });
  test('RFC 5291 §4: route filters behind it are kept', () => {
    expect(read(message(ROUTE_REFRESH, '0001 00 01 01 40 0001 80'))).toMatchObject({ orf: bytesOf('01 40 0001 80') });
  });
});
