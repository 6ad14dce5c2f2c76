import * as z from 'zod';
import type { Milliseconds } from '../base/clock.ts';
import type { Decoded } from '../base/decoded.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../base/ip-address.ts';
import { type IpRange, parseIpRange, rangeOfAddress } from '../base/ip-range.ts';
import type { LabelSelector } from '../base/label-selector.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { ProblemCode } from './problem-codes.ts';

/** The kinds of field that elements of the configuration are made of: text in, our values out, a problem code for each refusal. */

/** zod's context of a transform, as far as it is needed. */
interface Refusals {
  addIssue(issue: { code: 'custom'; message: string; params: { problem: ProblemCode }; path?: PropertyKey[] }): void;
}
export function refuse(context: Refusals, problem: ProblemCode, message: string, path: PropertyKey[] = []): never {
  context.addIssue({ code: 'custom', message, params: { problem }, path });
  return z.NEVER;
}

const readAs =
  <T>(problem: ProblemCode, parse: (text: string) => Decoded<T, string>) =>
  (text: string, context: Refusals): T => {
    const read = parse(text);
    return read.ok ? read.value : refuse(context, problem, read.error);
  };

export const nameField = z
  .string()
  .min(1)
  .max(253)
  .refine((text) => !/\p{Cc}|^\s|\s$/u.test(text), {
    message: 'has blanks at its ends or control characters; write a plain name',
    params: { problem: 'bad-value' },
  });

/** Linux: IFNAMSIZ is 16 with the final zero, and dev_valid_name() refuses blanks, slashes and colons. */
export const interfaceField = z
  .string()
  .min(1)
  .max(15)
  .refine((text) => !/[\s/:]|^\.{1,2}$/.test(text), {
    message: 'is not the name of a network interface (no blanks, slashes or colons)',
    params: { problem: 'bad-value' },
  });

export const addressField = z.string().transform(readAs('bad-address', parseIpAddress));

/** An address of one machine: neither unspecified nor multicast nor IPv4 broadcast. */
export const unicastField = addressField.transform((address, context) =>
  isUnicast(address)
    ? address
    : refuse(context, 'bad-address', `"${formatIpAddress(address)}" is not the address of a machine`),
);

function isUnicast({ family, value }: IpAddress): boolean {
  if (value === 0n) return false;
  return family === 'ipv4' ? value >> 28n < 0xen : value >> 120n !== 0xffn;
}

const asRange = (text: string): Decoded<IpRange, string> => {
  const range = parseIpRange(text);
  if (range.ok || /[-/]/.test(text)) return range;
  const address = parseIpAddress(text.trim());
  if (!address.ok) return address;
  const length = address.value.family === 'ipv4' ? 32 : 128;
  return { ok: false, error: `"${text}" has no prefix length; for one address write "${text.trim()}/${length}"` };
};
export const rangeField = z.string().transform(readAs('bad-address', asRange));

/** As `rangeField`, but a bare address is one address: there is nothing else it could mean. */
export const rangeOrAddressField = z.string().transform(
  readAs('bad-address', (text): Decoded<IpRange, string> => {
    if (/[-/]/.test(text)) return parseIpRange(text);
    const address = parseIpAddress(text.trim());
    return address.ok ? { ok: true, value: rangeOfAddress(address.value) } : address;
  }),
);

/** A duration in Go's form, or 0, within limits in milliseconds. */
export function durationField(least: number, most: number) {
  const limits = `from ${formatDuration(least as Milliseconds)} to ${formatDuration(most as Milliseconds)}`;
  return z
    .union([z.string(), z.literal(0)], { error: 'a duration such as "90s", "1m30s" or "300ms"' })
    .transform((written, context): Milliseconds => {
      const read = parseDuration(String(written));
      if (!read.ok) return refuse(context, 'bad-duration', read.error);
      if (read.value >= least && read.value <= most) return read.value;
      return refuse(context, 'out-of-range', `"${written}" is outside its limits, ${limits}`);
    })
    .meta({ description: `A duration such as "90s", "1m30s" or "300ms", ${limits}.` });
}

/** An autonomous system number, RFC 6793; 0 is reserved (RFC 7607). */
export const asnField = z.int().min(1).max(4_294_967_295);
export const uint32Field = z.int().min(0).max(4_294_967_295);

/** Each entry once; `keyOf` tells when two are the same. */
function uniqueList<T extends z.ZodType>(item: T, keyOf: (entry: z.output<T>) => string) {
  return z.array(item).superRefine((entries, context) => {
    const seen = new Map<string, number>();
    for (const [i, entry] of entries.entries()) {
      const key = keyOf(entry);
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, i);
      else refuse(context, 'duplicate-value', `repeats entry ${earlier + 1} of this list; remove one of them`, [i]);
    }
  });
}
export const uniqueNames = uniqueList(z.string().min(1), (name) => name);

// Kubernetes apimachinery, util/validation: IsQualifiedName and IsValidLabelValue.
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_PREFIX = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const isLabelValue = (text: string): boolean => text === '' || LABEL_PART.test(text);
function isLabelKey(text: string): boolean {
  const slash = text.indexOf('/');
  return LABEL_PART.test(text.slice(slash + 1)) && (slash < 0 || LABEL_PREFIX.test(text.slice(0, slash)));
}

const labelKey = z.string().refine(isLabelKey, { message: 'is not a label key', params: { problem: 'bad-selector' } });
const labelValue = z
  .string()
  .refine(isLabelValue, { message: 'is not a label value', params: { problem: 'bad-selector' } });
export const labelsField = z.record(z.string(), labelValue).superRefine((labels, context) => {
  for (const key of Object.keys(labels))
    if (!isLabelKey(key)) refuse(context, 'bad-selector', `"${key}" is not a label key`, [key]);
});

const expressionField = z
  .strictObject({
    key: labelKey,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z
      .array(labelValue)
      .optional()
      .transform((values) => values ?? []),
  })
  .superRefine(({ operator, values }, context) => {
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues && values.length === 0)
      refuse(context, 'bad-selector', `operator ${operator} needs "values" with at least one entry`);
    if (!needsValues && values.length > 0)
      refuse(context, 'bad-selector', `operator ${operator} takes no "values"; remove them`, ['values']);
  });

export const selectorField = z
  .strictObject({
    matchLabels: labelsField.optional().transform((labels) => labels ?? {}),
    matchExpressions: z
      .array(expressionField)
      .optional()
      .transform((expressions) => expressions ?? []),
  })
  .transform((selector): LabelSelector => selector);

/** Equal for selectors that are written in another order but say the same. */
function selectorKey({ matchLabels, matchExpressions }: LabelSelector): string {
  const labels = Object.entries(matchLabels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const expressions = matchExpressions.map((e) => JSON.stringify([e.key, e.operator, e.values.toSorted()])).toSorted();
  return JSON.stringify([labels, expressions]);
}
export const selectorsField = uniqueList(selectorField, selectorKey);

interface NodeSelection {
  readonly nodeSelectors: readonly LabelSelector[];
}
/** Without the nodes at hand, only equal or absent selectors are sure to meet on a node. */
export function sureToShareNode(a: NodeSelection, b: NodeSelection): boolean {
  if (a.nodeSelectors.length === 0 || b.nodeSelectors.length === 0) return true;
  const keys = new Set(a.nodeSelectors.map(selectorKey));
  return b.nodeSelectors.some((selector) => keys.has(selectorKey(selector)));
}
