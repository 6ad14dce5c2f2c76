import { formatPrefix } from '../../src/base/prefix.ts';
import { decodeMessage } from '../../src/bgp/wire/codec.ts';
import { RefreshSubtype } from '../../src/bgp/wire/constants.ts';
import type { Nlri, PathAttributes, Update, WireContext } from '../../src/bgp/wire/message.ts';
import { ipFamilyOf, prefixesOf } from '../../src/bgp/wire/nlri.ts';
import { endOfRib } from '../../src/bgp/wire/update.ts';

/**
 * A router that believes what it is told: its table is what the messages say, and it is strict about them. A refresh with
 * marks drops what was not said again (RFC 7313 §4).
 */
export class Router {
  readonly table = new Map<string, string>();
  /** "end-of-rib ipv4", "begin ipv6", "withdraw 3", "announce 800": in order. */
  readonly heard: string[] = [];
  readonly sizes: number[] = [];
  octets = 0;
  readonly #context: WireContext;
  readonly #maximum: number;
  readonly #stale = new Map<string, Set<string>>();

  constructor(context: Partial<WireContext> = {}) {
    this.#context = {
      as4: true,
      addPath: { ipv4: false, ipv6: false },
      extendedMessage: false,
      extendedNextHop: false,
      peerType: 'external',
      ...context,
    };
    this.#maximum = this.#context.extendedMessage ? 65_535 : 4096;
  }

  hears(messages: readonly Uint8Array[]): void {
    for (const bytes of messages) {
      if (bytes.length > this.#maximum)
        throw new Error(`a message of ${bytes.length} octets, ${this.#maximum} are agreed`);
      this.sizes.push(bytes.length);
      this.octets += bytes.length;
      const decoded = decodeMessage(bytes, this.#context);
      if (!decoded.ok || decoded.error !== undefined) throw new Error(decoded.error?.message ?? 'malformed');
      const { message } = decoded;
      if (message.kind === 'update') this.#update(message);
      else if (message.kind === 'route-refresh') this.#mark(ipFamilyOf(message.family)!, message.subtype);
      else throw new Error(`a ${message.kind} is no business of the Adj-RIB-Out`);
    }
  }

  #mark(family: string, subtype: number): void {
    if (subtype === RefreshSubtype.begin) {
      this.heard.push(`begin ${family}`);
      this.#stale.set(family, new Set([...this.table.keys()].filter((key) => familyOfKey(key) === family)));
      return;
    }
    this.heard.push(`end ${family}`);
    for (const key of this.#stale.get(family) ?? []) this.table.delete(key);
    this.#stale.delete(family);
  }

  #update(update: Update): void {
    const end = endOfRib(update);
    if (end !== undefined) {
      this.heard.push(`end-of-rib ${ipFamilyOf(end)}`);
      return;
    }
    const { mpReach, mpUnreach, ...attributes } = update.attributes;
    const gone = [...this.#prefixes(update.withdrawn), ...this.#prefixes(mpUnreach)];
    const said = [...this.#prefixes(update.announced), ...this.#prefixes(mpReach?.nlri)];
    for (const key of gone) {
      if (!this.table.delete(key)) throw new Error(`${key} is withdrawn, and was not announced`);
    }
    const words = attributeText({ ...attributes, mpReach });
    for (const key of said) {
      this.table.set(key, words);
      this.#stale.get(familyOfKey(key))?.delete(key);
    }
    if (gone.length > 0 && said.length > 0) throw new Error('a message withdraws or announces, not both');
    this.heard.push(gone.length > 0 ? `withdraw ${gone.length}` : `announce ${said.length}`);
  }

  #prefixes(nlri: Nlri | undefined): string[] {
    return nlri === undefined ? [] : prefixesOf(nlri).map(({ prefix }) => formatPrefix(prefix));
  }
}

const familyOfKey = (key: string): string => (key.includes(':') ? 'ipv6' : 'ipv4');

/** What a route says beside its prefix: short, and different for what differs. */
function attributeText({ mpReach, ...attributes }: PathAttributes): string {
  const nextHops = mpReach?.nextHops ?? (attributes.nextHop === undefined ? [] : [attributes.nextHop]);
  const path = (attributes.asPath ?? []).flatMap(({ asns }) => asns).join(' ');
  const unknown = attributes.unknown?.map(({ type, value }) => `${type}=${Buffer.from(value).toString('hex')}`);
  return [
    `path [${path}]`,
    `via ${nextHops.map(({ value }) => value.toString(16)).join('+')}`,
    ...(attributes.localPref === undefined ? [] : [`pref ${attributes.localPref}`]),
    ...(attributes.communities ?? []).map((one) => `${one >>> 16}:${one & 0xffff}`),
    ...(attributes.largeCommunities ?? []).map((one) => `${one.global}:${one.local1}:${one.local2}`),
    ...(attributes.extendedCommunities ?? []).map((one) => one.toString(16).padStart(16, '0')),
    ...(unknown ?? []),
  ].join(' ');
}
