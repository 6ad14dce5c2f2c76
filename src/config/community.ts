import type { Community } from './config.ts';

/** IANA, "BGP Well-known Communities" (RFC 1997, 3765, 7999, 8326, 9494). An alias of the configuration may hide one. */
const WELL_KNOWN: Readonly<Record<string, number>> = {
  'graceful-shutdown': 0xffff0000,
  'accept-own': 0xffff0001,
  'llgr-stale': 0xffff0006,
  'no-llgr': 0xffff0007,
  blackhole: 0xffff029a,
  'no-export': 0xffffff01,
  'no-advertise': 0xffffff02,
  'no-export-subconfed': 0xffffff03,
  'no-peer': 0xffffff04,
};
export const wellKnownNames: readonly string[] = Object.keys(WELL_KNOWN);

/** "64512:1" (RFC 1997), "large:64512:1:2" (RFC 8092) or a well-known name. Undefined: none of them. */
export function parseCommunity(text: string): Community | undefined {
  if (Object.hasOwn(WELL_KNOWN, text)) return { kind: 'standard', value: WELL_KNOWN[text]! };
  return parseNumericCommunity(text);
}

/** No names: MetalLB's custom resources. */
export function parseNumericCommunity(text: string): Community | undefined {
  const parts = text.split(':');
  const numbers = parts
    .slice(parts[0] === 'large' ? 1 : 0)
    .map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : Number.NaN));
  const [first, second, third] = numbers;
  if (parts[0] === 'large')
    return numbers.length === 3 && numbers.every((n) => n <= 0xffffffff)
      ? { kind: 'large', global: first!, local1: second!, local2: third! }
      : undefined;
  return numbers.length === 2 && numbers.every((n) => n <= 0xffff)
    ? { kind: 'standard', value: first! * 0x10000 + second! }
    : undefined;
}

/** MetalLB 0.12 knows two numbers and nothing else. */
export const parseLegacyCommunity = (text: string): Community | undefined =>
  /^\d+:\d+$/.test(text) ? parseCommunity(text) : undefined;

/** True for what was meant as a number form, so that a mistake in it is not taken for the name of an alias. */
export const looksLikeCommunity = (text: string): boolean => /^(large:)?[\d:]+$|:/.test(text);

export const COMMUNITY_FORMS =
  '; write "64512:1" (two numbers up to 65535) or "large:64512:1:2" (three up to 4294967295)';
