import { execFileSync } from 'node:child_process';
import { beforeAll, describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { linuxStreams } from '../../src/network/stream-network.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { addressOf, expectValue } from './contract.ts';
import { streamContract } from './stream-contract.ts';

describe.skipIf(!privateTree.inside)(`TCP, by the kernel${skipNote}`, () => {
  beforeAll(() => {
    for (const address of ['fd00:c1a:1::1', 'fd00:c1a:1::2'])
      execFileSync('ip', ['addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad']);
  });
  for (const [family, client, server] of [
    ['IPv4', '127.81.0.1', '127.81.0.2'],
    ['IPv6', 'fd00:c1a:1::1', 'fd00:c1a:1::2'],
  ] as const)
    streamContract(`the kernel, ${family}`, () => {
      const streams = expectValue(linuxStreams(systemClock));
      return {
        client: streams,
        server: streams,
        clientAddress: addressOf(client),
        serverAddress: addressOf(server),
        silentAddress: undefined,
        end() {},
      };
    });
});
