import { type Fields, isFields } from '../base/fields.ts';
import { reasons } from '../base/reason.ts';
import type { TrackedMap } from '../base/tracked-map.ts';
import type { AddressWord, SpeakerReport } from './ports.ts';

/**
 * What a speaker says of addresses, as it lies on a disk and travels: one list of words, each with its address. In memory it is
 * a map by address, since what is asked, and what changes, is one address at a time.
 */
export interface SaidJson extends AddressWord {
  readonly address: string;
}

export const saidJson = (addresses: Iterable<readonly [string, readonly AddressWord[]]>): readonly SaidJson[] =>
  [...addresses].flatMap(([address, words]) => words.map((word) => ({ address, ...word })));

export const reportJson = ({ addresses, ...head }: SpeakerReport): string =>
  JSON.stringify({ ...head, addresses: saidJson(addresses) });

/** By address, what could be understood: words of another version may not be. Nothing is said of an address then. */
export function wordsIn(said: readonly unknown[]): Map<string, readonly AddressWord[]> {
  const words = new Map<string, readonly AddressWord[]>();
  for (const one of said) {
    if (!isFields(one) || typeof one['address'] !== 'string') continue;
    const before = words.get(one['address']) ?? [];
    words.set(one['address'], isWord(one) ? withWord(before, one) : before);
  }
  return words;
}

/** What is said from now on; only addresses of which something else is said are touched. */
export function replaceWords(
  words: TrackedMap<string, readonly AddressWord[]>,
  latest: SpeakerReport['addresses'],
): void {
  for (const address of words.keys()) if (!latest.has(address)) words.delete(address);
  for (const [address, said] of latest) setWords(words, address, said);
}

/** True: they are other words than before; else nothing is touched. None: nothing is said of the address any more. */
export function setWords(
  words: TrackedMap<string, readonly AddressWord[]>,
  address: string,
  said: readonly AddressWord[],
): boolean {
  if (sameWords(words.get(address) ?? [], said)) return false;
  if (said.length === 0) words.delete(address);
  else words.set(address, said);
  return true;
}

const sameWord = (a: AddressWord, b: AddressWord): boolean =>
  a === b || (a.state === b.state && a.reason === b.reason && a.message === b.message);

const sameWords = (a: readonly AddressWord[], b: readonly AddressWord[]): boolean =>
  a === b || (a.length === b.length && a.every((one, i) => sameWord(one, b[i]!)));

/** Where there is nothing to explain, as for nearly every address, it is the same object for all of them. */
const plain = (state: AddressWord['state']): AddressWord => ({ state, reason: undefined, message: undefined });
const PLAIN: Readonly<Record<AddressWord['state'], readonly [AddressWord]>> = {
  announced: [plain('announced')],
  prepared: [plain('prepared')],
  probing: [plain('probing')],
  refused: [plain('refused')],
};

/** All that is said of an address, and one word more. */
export function withWord(
  words: readonly AddressWord[],
  { state, reason, message }: AddressWord,
): readonly AddressWord[] {
  const said = reason === undefined && message === undefined ? PLAIN[state] : [{ state, reason, message }];
  return words.length === 0 ? said : [...words, ...said];
}

const textOrNothing = (value: unknown): boolean => value === undefined || typeof value === 'string';

const isWord = (value: Fields): value is Fields & AddressWord =>
  typeof value['state'] === 'string' &&
  Object.hasOwn(PLAIN, value['state']) &&
  (value['reason'] === undefined || (typeof value['reason'] === 'string' && Object.hasOwn(reasons, value['reason']))) &&
  textOrNothing(value['message']);
