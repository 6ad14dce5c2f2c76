import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts';
import { environmentError, messageOf, systemCodeOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type GroupKey, parseKeyFile } from '../membership/keys.ts';

const KEY_BYTES = 32;
/** For labs: what everybody knows protects nothing. */
const INSECURE = Buffer.from('clarion, insecure').toString('base64');

/** Where the keys lie: a file, or a Secret (cluster/kubernetes). */
export interface KeySource {
  /** For messages. */
  readonly where: string;
  /** Undefined: there is none yet. Rejects where it cannot be read. */
  read(): Promise<string | undefined>;
  /** Resolves to what lies there from now on: somebody else may have been faster. */
  create(text: string): Promise<string>;
  /** What cannot be read or made may be so by itself in a while; else it ends the start. */
  readonly mayPass: boolean;
  /** How often is looked for a key that is not there, and for another one than the one in use. */
  readonly lookAgain: Milliseconds;
  readonly lookForChange: Milliseconds;
}

export interface KeyOptions {
  readonly source: KeySource;
  readonly insecure: boolean;
  /** Whether this process may make the key: the controller does, speakers wait for it. */
  readonly mayCreate: boolean;
  /** Ends the wait for it. */
  readonly stopped: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The keys of the group of speakers, made by the controller when absent. Undefined: stopped before there was one. */
export async function membershipKeys(options: KeyOptions): Promise<readonly GroupKey[] | undefined> {
  const { source, insecure, mayCreate, stopped, clock, random, logger } = options;
  if (insecure) return keysIn(INSECURE, 'the key of --insecure');
  let told: string | undefined;
  while (!stopped()) {
    let waitingFor = 'the controller to make it';
    let level: 'info' | 'warn' = 'info';
    try {
      const text = await source.read();
      if (text !== undefined) return keysIn(text, source.where);
      if (mayCreate) return keysIn(await source.create(newKey(random)), source.where);
    } catch (thrown) {
      if (!source.mayPass) throw thrown;
      waitingFor = messageOf(thrown);
      level = 'warn';
    }
    if (told !== waitingFor) logger[level]('waiting for the membership key', { where: source.where, why: waitingFor });
    told = waitingFor;
    await new Promise<void>((resolve) => void clock.startTimer('membership key', source.lookAgain, resolve));
  }
  return undefined;
}

/**
 * Tells of every other content that the source gets: a rotation needs no restart. One that is gone or makes no sense is
 * reported once, and the keys that are in use stay. By polling, since a mounted Secret changes by a symbolic link two folders up.
 */
export function watchMembershipKeys(options: KeyOptions, changed: (keys: readonly GroupKey[]) => void): () => void {
  const { clock, logger, insecure, source } = options;
  if (insecure) return () => {};
  let before: string | undefined;
  let complaint: string | undefined;
  const look = async (): Promise<void> => {
    try {
      const text = await source.read();
      if (text === undefined && before !== undefined) throw environmentError(`membership key: ${source.where} is gone`);
      if (text !== undefined && before !== undefined && text !== before) {
        const keys = keysIn(text, source.where);
        changed(keys);
        logger.info('membership keys changed', { where: source.where, ids: keys.map(({ id }) => id.toString(16)) });
      }
      before = text ?? before;
      complaint = undefined;
    } catch (thrown) {
      if (messageOf(thrown) === complaint) return;
      complaint = messageOf(thrown);
      logger.warn('the membership keys in use stay in use', { why: complaint });
    }
  };
  let stopped = false;
  let timer: Timer | undefined;
  const again = (): void => {
    if (!stopped) timer = clock.startTimer('membership key', source.lookForChange, () => void look().then(again));
  };
  void look().then(again);
  return () => {
    stopped = true;
    timer?.stop();
  };
}

/** `file`: --membership-key-file, which must be there; else `.clarion/membership-key` of the folder. */
export function keyFile(directory: string, file: string | undefined, logger: Logger): KeySource {
  const path = file ?? join(directory, '.clarion', 'membership-key');
  const read = async (): Promise<string | undefined> => {
    try {
      const text = await readFile(path, 'utf8');
      return text === '' ? undefined : text;
    } catch (thrown) {
      if (systemCodeOf(thrown) === 'ENOENT' && file === undefined) return undefined;
      throw environmentError(`membership key: ${path} cannot be read: ${messageOf(thrown)}`, thrown);
    }
  };
  const create = async (text: string): Promise<string> => {
    try {
      await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    } catch (thrown) {
      // Somebody else was faster: then everybody uses that one.
      if (systemCodeOf(thrown) === 'EEXIST') return (await read()) ?? text;
      logger.warn('the membership key cannot be written, so speakers of other nodes will not be heard', {
        file: path,
        why: messageOf(thrown),
      });
    }
    return text;
  };
  return { where: path, read, create, mayPass: false, lookAgain: ms(200), lookForChange: ms(2000) };
}

const newKey = (random: Random): string => `${Buffer.from(random.bytes(KEY_BYTES)).toString('base64')}\n`;

function keysIn(text: string, where: string): readonly GroupKey[] {
  const keys = parseKeyFile(text);
  if (!keys.ok) throw environmentError(`membership key: ${where}: ${keys.error}`);
  return keys.value;
}
