/** Of the payloads that members exchange. A kind that is not known is skipped, and so is what follows the known fields. */
export const VERSION = 1;

/** A payload fits into one datagram of an Ethernet link, with all that membership puts around it. */
export const MAX_PAYLOAD = 1_300;

/** Never reused with another meaning. */
export const KINDS = {
  facts: 1,
  ask: 2,
  table: 3,
  claims: 4,
  own: 5,
  check: 6,
  'ask-own': 7,
  offers: 8,
  declines: 9,
  terms: 10,
  requests: 11,
} as const;

/** How the one who asked for the table stands with the one who answers; `asleep`: who answers has slept too, and asks itself. */
export const STANDINGS = ['joining', 'confirmed', 'void', 'asleep'] as const;

/** Bits of a claim's first octet. */
export const IPV6 = 1;
export const VACATED = 2;
export const WEAK = 4;

/** Bits of an interface's octet. */
export const UP = 1;
export const ALIVE = 2;
export const PHYSICAL = 4;

/** Bits of the first octet of facts. */
export const SETTLED = 1;
export const STRONG = 2;
export const DRAINING = 4;
