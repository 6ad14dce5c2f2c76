import type { FactInterface, Facts } from '../election/facts.ts';
import { fittingInterfaces, isPhysical } from '../layer2/interface-choice.ts';
import type { NetworkInterface } from '../network/ports.ts';

/** What only this node knows of itself, for the election of every member. `only`: the command line's --interface. */
export function ownFacts(
  interfaces: readonly NetworkInterface[],
  only: readonly string[] | undefined,
  rest: Pick<Facts, 'draining' | 'version' | 'apiViewAge'>,
  isAlive: (interfaceName: string) => boolean,
): Facts {
  return {
    ...rest,
    interfaces: fittingInterfaces(interfaces, only).map(
      (link): FactInterface => ({
        name: link.name,
        mac: link.mac,
        up: link.up,
        alive: isAlive(link.name),
        // Whoever names interfaces on the command line has judged for himself which are physical.
        physical: only !== undefined || isPhysical(link.name),
        addresses: link.addresses,
      }),
    ),
  };
}
