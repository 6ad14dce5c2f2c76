import { execFileSync } from 'node:child_process';
import { beforeAll, describe } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { linuxHopDatagrams } from '../../src/network/hop-datagrams.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { addressOf, expectValue } from './contract.ts';
import { hopDatagramContract } from './hop-datagram-contract.ts';

describe.skipIf(!privateTree.inside)(`UDP with hop limits, by the kernel${skipNote}`, () => {
  beforeAll(() => {
    for (const address of ['fd00:c1a:2::1', 'fd00:c1a:2::2'])
      execFileSync('ip', ['addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad']);
  });
  for (const [family, here, there] of [
    ['IPv4', '127.82.0.1', '127.82.0.2'],
    ['IPv6', 'fd00:c1a:2::1', 'fd00:c1a:2::2'],
  ] as const)
    hopDatagramContract(`the kernel, ${family}`, () => {
      const network = expectValue(linuxHopDatagrams(systemRandom));
      return {
        here: network,
        there: network,
        hereAddress: addressOf(here),
        thereAddress: addressOf(there),
        device: 'lo',
        deviceIndex: 1,
      };
    });
});
