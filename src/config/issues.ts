import * as z from 'zod';
import { closest, didYouMean } from './closest.ts';
import { type Element, type Findings, NOUNS } from './element.ts';
import type { ProblemCode } from './problem-codes.ts';
import { configSchema } from './schema.ts';
import { placeAt, shortened } from './tree.ts';

/** Reads the element by its schema. What zod finds is said in our words, at the place in the file. Undefined: the element is bad. */
export function readElement<T>(schema: z.ZodType<T>, element: Element, findings: Findings): T | undefined {
  for (const { code, at, message } of element.faults) findings.reportAt(element, code, at, message);
  const read = schema.safeParse(element.value);
  const issues = read.success ? [] : read.error.issues;
  for (const issue of issues) if (!isMisspelt(issue, issues, element)) reportIssue(issue, element, findings);
  return read.success && !findings.isBad(element) ? read.data : undefined;
}

type Issue = z.core.$ZodIssue;

/** True for an absent field that an unknown key was meant to be: one mistake, one problem. */
function isMisspelt(issue: Issue, issues: readonly Issue[], element: Element): boolean {
  if (!isAbsent(issue, element)) return false;
  const field = String(issue.path.at(-1));
  const holder = JSON.stringify(issue.path.slice(0, -1));
  return issues.some(
    (other) =>
      other.code === 'unrecognized_keys' &&
      JSON.stringify(other.path) === holder &&
      other.keys.some((key) => closest(key, [field]) !== undefined),
  );
}

function reportIssue(issue: Issue, element: Element, findings: Findings): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) reportUnknownKey(key, issue.path, element, findings);
  } else if (isAbsent(issue, element)) {
    reportMissing(issue, element, findings);
  } else if (issue.code === 'invalid_union' && meantOption(issue) !== undefined) {
    for (const inner of meantOption(issue)!)
      reportIssue({ ...inner, path: [...issue.path, ...inner.path] }, element, findings);
  } else {
    const { code, message, advice } = explained(issue, element, findings);
    findings.report(element, code, issue.path, message, advice);
  }
}

/** Transforms report their refusals as "custom"; every other issue about nothing says that something is wanted there. */
const isAbsent = (issue: Issue, element: Element): boolean =>
  issue.code !== 'custom' && issue.code !== 'unrecognized_keys' && valueAt(element.value, issue.path) === undefined;

/** Of the forms that a field may have, the one whose type fits: what is wrong inside it is what people want to know. */
const meantOption = (issue: z.core.$ZodIssueInvalidUnion): Issue[] | undefined =>
  issue.errors.find((errors) =>
    errors.every(({ path, code }) => path.length > 0 || code === 'custom' || code === 'unrecognized_keys'),
  );

function explained(
  issue: Issue,
  element: Element,
  findings: Findings,
): { readonly code: ProblemCode; readonly message: string; readonly advice?: string } {
  const { path } = issue;
  const value = valueAt(element.value, path);
  const field = `${fieldOf(path, element)}${findings.called(element)}`;
  const found = described(value, path);
  switch (issue.code) {
    case 'invalid_type': {
      const message = `${field} is ${found}, not ${WANTED[issue.expected] ?? issue.expected}`;
      return { code: 'wrong-type', message, advice: hintFor(value, issue.expected) };
    }
    case 'invalid_value': {
      const possible = issue.values.map(String);
      const meant = typeof value === 'string' ? didYouMean(value, possible) : '';
      return { code: 'bad-value', message: `${field} is ${found}; possible is ${possible.join(', ')}.${meant}` };
    }
    case 'invalid_union':
      return { code: 'wrong-type', message: `${field} is ${found}, not ${issue.message}` };
    case 'too_small':
      if (issue.origin === 'array' || issue.origin === 'string')
        return { code: 'out-of-range', message: `${field} must not be empty` };
      return { code: 'out-of-range', message: `${field} is ${found}; at least ${issue.minimum} is possible` };
    case 'too_big': {
      const things = { array: 'entries', string: 'characters' }[issue.origin as 'array' | 'string'];
      if (things !== undefined)
        return { code: 'out-of-range', message: `${field} is too long: at most ${issue.maximum} ${things}` };
      return { code: 'out-of-range', message: `${field} is ${found}; at most ${issue.maximum} is possible` };
    }
    case 'custom': {
      const code = (issue.params?.['problem'] ?? 'bad-value') as ProblemCode;
      return { code, message: issue.message.startsWith('"') ? issue.message : `${field} ${issue.message}` };
    }
    case 'unrecognized_keys':
    case 'invalid_key':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
      return { code: 'bad-value', message: `${field}: ${issue.message}` };
  }
}

const WANTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function reportMissing(issue: Issue, element: Element, findings: Findings): void {
  const last = issue.path.at(-1);
  const called = `${fieldOf(issue.path.slice(0, -1), element)}${findings.called(element)}`;
  if (last === undefined) findings.report(element, 'wrong-type', [], `${findings.called(element)} is empty`);
  else if (typeof last === 'number')
    findings.report(element, 'wrong-type', issue.path, `entry ${last + 1} of ${called} is empty`);
  else findings.report(element, 'missing-field', issue.path, `${called} has no "${element.writtenAs(String(last))}"`);
}

function reportUnknownKey(key: string, path: readonly PropertyKey[], element: Element, findings: Findings): void {
  const holder = placeAt(element.place, path);
  const at = holder.parts.get(key)?.keyAt ?? holder.at;
  const noun = NOUNS[element.section];
  const inner = path.findLast((step) => typeof step === 'string');
  const kind =
    inner !== undefined
      ? `"${inner}"`
      : noun === 'section'
        ? `"${element.section}"`
        : `${noun.startsWith('L') ? 'an' : 'a'} ${noun}`;
  const fields = fieldsAt([element.section, ...(noun === 'section' ? [] : [0]), ...path]).map((field) =>
    element.writtenAs(field),
  );
  findings.reportAt(
    element,
    'unknown-key',
    at,
    `"${shortened(key)}" is not a field of ${kind}.${didYouMean(key, fields)}`,
  );
}

/** `"addresses[2]" of `, or nothing for the element itself. */
function fieldOf(path: readonly PropertyKey[], element: Element): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${element.writtenAs(String(step))}`;
  }
  return text === '' ? '' : `"${text}" of `;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<PropertyKey, unknown>)[step];
  }
  return found;
}

/** What is there instead, without telling a secret. */
function described(value: unknown, path: readonly PropertyKey[]): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (value === undefined) return 'empty';
  const secret = path.some((step) => step === 'password' || step === 'passwords' || step === 'key');
  if (typeof value === 'string') return secret ? 'a text' : `the text "${shortened(value)}"`;
  if (typeof value === 'number') return secret ? 'a number' : `the number ${value}`;
  return value === true || value === false ? String(value) : 'something else';
}

function hintFor(value: unknown, expected: string): string {
  if (expected === 'boolean' && typeof value === 'string') {
    if (/^(yes|on|y|true)$/i.test(value)) return 'Write true.';
    if (/^(no|off|n|false)$/i.test(value)) return 'Write false.';
  }
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return 'Put it in quotes.';
  if (expected === 'array' && typeof value === 'string')
    return 'Write it as a list: [...], or a line with "- " for each entry.';
  if ((expected === 'number' || expected === 'int') && typeof value === 'string' && /^\d+$/.test(value))
    return 'Remove the quotes.';
  return '';
}

type JsonSchema = { properties?: Record<string, JsonSchema>; items?: JsonSchema; anyOf?: JsonSchema[] };
let published: JsonSchema | undefined;

/** The names of the fields that are possible at this place. */
function fieldsAt(path: readonly PropertyKey[]): readonly string[] {
  published ??= z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  let at: JsonSchema | undefined = published;
  for (const step of path) {
    const choice: JsonSchema | undefined = at?.anyOf?.find((option) => option.properties !== undefined) ?? at;
    at = typeof step === 'number' ? choice?.items : choice?.properties?.[String(step)];
  }
  const choice = at?.anyOf?.find((option) => option.properties !== undefined) ?? at;
  return Object.keys(choice?.properties ?? {});
}
