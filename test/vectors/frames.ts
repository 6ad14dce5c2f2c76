import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import type { ArpFrame } from '../../src/layer2/wire/arp.ts';
import type { NdpFrame } from '../../src/layer2/wire/ndp.ts';

/** Frames written out by hand from the RFCs' figures, with the value that each one is. */
export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

const mac = (text: string): MacAddress => text as MacAddress;
function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export const vectors: readonly { readonly name: string; readonly hex: string; readonly value: ArpFrame | NdpFrame }[] =
  [
    {
      name: 'RFC 826: a request by broadcast',
      hex: `ffffffffffff 020000000099 0806  0001 0800 06 04 0001
          020000000099 c0000264  000000000000 c0000232`,
      value: {
        destination: mac('ff:ff:ff:ff:ff:ff'),
        source: mac('02:00:00:00:00:99'),
        operation: 1,
        senderMac: mac('02:00:00:00:00:99'),
        senderIp: ip('192.0.2.100'),
        targetMac: mac('00:00:00:00:00:00'),
        targetIp: ip('192.0.2.50'),
      },
    },
    {
      name: 'RFC 826: the reply to it',
      hex: `020000000099 020000000001 0806  0001 0800 06 04 0002
          020000000001 c0000232  020000000099 c0000264`,
      value: {
        destination: mac('02:00:00:00:00:99'),
        source: mac('02:00:00:00:00:01'),
        operation: 2,
        senderMac: mac('02:00:00:00:00:01'),
        senderIp: ip('192.0.2.50'),
        targetMac: mac('02:00:00:00:00:99'),
        targetIp: ip('192.0.2.100'),
      },
    },
    {
      name: 'RFC 5227 §2.1.1: a probe',
      hex: `ffffffffffff 020000000001 0806  0001 0800 06 04 0001
          020000000001 00000000  000000000000 c0000232`,
      value: {
        destination: mac('ff:ff:ff:ff:ff:ff'),
        source: mac('02:00:00:00:00:01'),
        operation: 1,
        senderMac: mac('02:00:00:00:00:01'),
        senderIp: ip('0.0.0.0'),
        targetMac: mac('00:00:00:00:00:00'),
        targetIp: ip('192.0.2.50'),
      },
    },
    {
      name: 'RFC 4861 §4.3: a solicitation with its source link-layer address',
      hex: `3333ff000050 020000000099 86dd  60000000 0020 3a ff
          20010db8000000000000000000000100  ff0200000000000000000001ff000050
          87 00 19f4 00000000  20010db8000000000000000000000050  01 01 020000000099`,
      value: {
        kind: 'neighbor-solicitation',
        destinationMac: mac('33:33:ff:00:00:50'),
        sourceMac: mac('02:00:00:00:00:99'),
        source: ip('2001:db8::100'),
        destination: ip('ff02::1:ff00:50'),
        hopLimit: 255,
        target: ip('2001:db8::50'),
        sourceLinkLayer: mac('02:00:00:00:00:99'),
      },
    },
    {
      name: 'RFC 4862 §5.4.2: a solicitation of duplicate address detection',
      hex: `3333ff000050 020000000099 86dd  60000000 0018 3a ff
          00000000000000000000000000000000  ff0200000000000000000001ff000050
          87 00 4c4f 00000000  20010db8000000000000000000000050`,
      value: {
        kind: 'neighbor-solicitation',
        destinationMac: mac('33:33:ff:00:00:50'),
        sourceMac: mac('02:00:00:00:00:99'),
        source: ip('::'),
        destination: ip('ff02::1:ff00:50'),
        hopLimit: 255,
        target: ip('2001:db8::50'),
        sourceLinkLayer: undefined,
      },
    },
    {
      name: 'RFC 4861 §4.4: an unsolicited advertisement',
      hex: `333300000001 020000000001 86dd  60000000 0020 3a ff
          20010db8000000000000000000000050  ff020000000000000000000000000001
          88 00 f88c 20000000  20010db8000000000000000000000050  02 01 020000000001`,
      value: {
        kind: 'neighbor-advertisement',
        destinationMac: mac('33:33:00:00:00:01'),
        sourceMac: mac('02:00:00:00:00:01'),
        source: ip('2001:db8::50'),
        destination: ip('ff02::1'),
        hopLimit: 255,
        router: false,
        solicited: false,
        override: true,
        target: ip('2001:db8::50'),
        targetLinkLayer: mac('02:00:00:00:00:01'),
      },
    },
  ];
