import { systemClock } from '../../src/base/clock.ts';
import { FakeHopDatagrams } from '../support/fake-hop-datagrams.ts';
import { addressOf } from './contract.ts';
import { hopDatagramContract } from './hop-datagram-contract.ts';

for (const [family, here, there] of [
  ['IPv4', '192.0.2.1', '192.0.2.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
] as const)
  hopDatagramContract(`the fake, ${family}`, () => {
    const net = new FakeHopDatagrams(systemClock);
    return {
      here: net.host([here]),
      there: net.host([there]),
      hereAddress: addressOf(here),
      thereAddress: addressOf(there),
      device: 'eth0',
      deviceIndex: 2,
    };
  });
