import { systemClock } from '../../src/base/clock.ts';
import { FakeTcp } from '../support/fake-streams.ts';
import { addressOf } from './contract.ts';
import { streamContract } from './stream-contract.ts';

for (const [family, client, server, silent] of [
  ['IPv4', '192.0.2.1', '192.0.2.2', '192.0.2.99'],
  ['IPv6', '2001:db8::1', '2001:db8::2', '2001:db8::99'],
] as const)
  streamContract(`the fake, ${family}`, () => {
    const tcp = new FakeTcp(systemClock);
    return {
      client: tcp.host([client]),
      server: tcp.host([server]),
      clientAddress: addressOf(client),
      serverAddress: addressOf(server),
      silentAddress: addressOf(silent),
      end() {},
    };
  });
