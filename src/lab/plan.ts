/** What a lab is to be made of, as a value. */
export interface CableEnd {
  /** Undefined: in the tree's own namespace, where the test process itself is. */
  readonly host?: string;
  readonly interface: string;
  readonly mac?: string;
  /** With prefix length: 192.0.2.1/24. */
  readonly addresses?: readonly string[];
  /** The bridge that it is plugged into. */
  readonly bridge?: string;
}

export interface LabPlan {
  readonly hosts: readonly string[];
  readonly bridges: readonly { readonly host?: string; readonly name: string }[];
  readonly cables: readonly (readonly [CableEnd, CableEnd])[];
  readonly routes: readonly { readonly host?: string; readonly to: string; readonly via: string }[];
}

/** A host on the LAN; `number` makes its addresses and its MAC, so that both can be told at a glance. */
export interface LanHost {
  readonly name: string;
  readonly number: number;
}

const lanAddress4 = (number: number): string => `192.0.2.${number}`;
const lanAddress6 = (number: number): string => `2001:db8:2::${number}`;
/** In decimal digits: 02:00:00:00:01:00 is host 100. */
export const lanMac = (number: number): string =>
  `02:00:00:00:${number.toString().padStart(4, '0').replace(/(..)/, '$1:')}`;

/**
 * One switch (namespace `switch`, bridge br0) and hosts on it, each with eth0: 192.0.2.N/24, 2001:db8:2::N/64 and
 * MAC 02:00:00:00:00:N (documentation prefixes, RFC 5737 and RFC 3849). At the switch the cable is named after the host.
 */
export function lanPlan(hosts: readonly LanHost[]): LabPlan {
  return {
    hosts: ['switch', ...hosts.map(({ name }) => name)],
    bridges: [{ host: 'switch', name: 'br0' }],
    cables: hosts.map(({ name, number }) => [
      { host: 'switch', interface: name, bridge: 'br0' },
      {
        host: name,
        interface: 'eth0',
        mac: lanMac(number),
        addresses: [`${lanAddress4(number)}/24`, `${lanAddress6(number)}/64`],
      },
    ]),
    routes: [],
  };
}
