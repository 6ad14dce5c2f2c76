import type { Contender } from './contender.ts';
import { FIRST_VIP } from './lan.ts';

/** What may happen to the node that holds the address. `repair` brings back the network, not what was killed. */
export interface Fault {
  readonly title: string;
  /** The node forwards no more: a client sees a gap. */
  readonly cuts: boolean;
  strike(of: Contender, node: string): Promise<void>;
  repair(of: Contender, node: string): Promise<void>;
}

const setLink = (of: Contender, node: string, state: 'up' | 'down'): Promise<string> =>
  of.lab.run(undefined, ['ip', '-n', of.lab.namespace('switch'), 'link', 'set', node, state]);

export const FAULTS: Readonly<Record<string, Fault>> = {
  cable: {
    title: 'cable pulled (carrier lost)',
    cuts: true,
    strike: async (of, node) => void (await setLink(of, node, 'down')),
    repair: async (of, node) => void (await setLink(of, node, 'up')),
  },
  silent: {
    title: 'silent drop, both ways, no carrier lost',
    cuts: true,
    strike: (of, node) =>
      of.lab.nft(
        'switch',
        `table netdev cut {
           chain from { type filter hook ingress device "${node}" priority 0; policy drop; }
           chain to { type filter hook egress device "${node}" priority 0; policy drop; }
         }`,
      ),
    repair: (of) => of.lab.nft('switch', 'delete table netdev cut'),
  },
  crash: {
    title: 'SIGKILL, and the node forwards no more',
    cuts: true,
    strike: async (of, node) => {
      await of.lab.nft(
        node,
        `table ip cut { chain in { type filter hook prerouting priority raw; ip daddr ${FIRST_VIP} drop; }; }`,
      );
      of.kill(node);
    },
    repair: (of, node) => of.lab.nft(node, 'delete table ip cut'),
  },
  power: {
    title: 'power off',
    cuts: true,
    strike: async (of, node) => {
      await setLink(of, node, 'down');
      of.kill(node);
    },
    repair: async (of, node) => void (await setLink(of, node, 'up')),
  },
  kill: {
    title: 'SIGKILL alone: the kernel goes on forwarding',
    cuts: false,
    strike: async (of, node) => of.kill(node),
    repair: async () => {},
  },
};
