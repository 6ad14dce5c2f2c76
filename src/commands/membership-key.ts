import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, ms, type Timer } from '../base/clock.ts';
import { environmentError, messageOf, systemCodeOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type GroupKey, parseKeyFile } from '../membership/keys.ts';

/** How often a speaker looks whether the controller has made the key. */
const LOOK_AGAIN = ms(200);
const LOOK_FOR_CHANGE = ms(2000);
const KEY_BYTES = 32;
/** For labs: what everybody knows protects nothing. */
const INSECURE = Buffer.from('clarion, insecure').toString('base64');

export interface KeyOptions {
  readonly directory: string;
  /** --membership-key-file */
  readonly file: string | undefined;
  readonly insecure: boolean;
  /** Whether this process may make the key: the controller does, speakers wait for it. */
  readonly mayCreate: boolean;
  /** Ends the wait for it. */
  readonly stopped: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The keys of the group of speakers; in directory mode from `.clarion/membership-key`, made by the controller when absent.
 * Undefined: stopped before there was one.
 */
export async function membershipKeys(options: KeyOptions): Promise<readonly GroupKey[] | undefined> {
  if (options.insecure) return keysIn(INSECURE, 'the key of --insecure');
  const file = fileOf(options);
  for (let told = false; !options.stopped(); told = true) {
    const text = await textOf(file, options.file !== undefined);
    if (text !== undefined) return keysIn(text, file);
    if (options.mayCreate) return keysIn(await create(file, options), file);
    if (!told) options.logger.info('waiting for the controller to make the membership key', { file });
    await new Promise<void>((resolve) => void options.clock.startTimer('membership key', LOOK_AGAIN, resolve));
  }
  return undefined;
}

/**
 * Tells of every other content that the file gets: a rotation needs no restart. A file that is gone or makes no sense is
 * reported once, and the keys that are in use stay. By polling, since a mounted Secret changes by a symbolic link two folders up.
 */
export function watchMembershipKeys(options: KeyOptions, changed: (keys: readonly GroupKey[]) => void): () => void {
  const { clock, logger, insecure } = options;
  if (insecure) return () => {};
  const file = fileOf(options);
  let before: string | undefined;
  let complaint: string | undefined;
  const look = async (): Promise<void> => {
    try {
      const text = await textOf(file, true);
      if (text !== undefined && before !== undefined && text !== before) {
        const keys = keysIn(text, file);
        changed(keys);
        logger.info('membership keys changed', { file, ids: keys.map(({ id }) => id.toString(16)) });
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
    if (!stopped) timer = clock.startTimer('membership key', LOOK_FOR_CHANGE, () => void look().then(again));
  };
  void look().then(again);
  return () => {
    stopped = true;
    timer?.stop();
  };
}

const fileOf = ({ file, directory }: KeyOptions): string => file ?? join(directory, '.clarion', 'membership-key');

function keysIn(text: string, where: string): readonly GroupKey[] {
  const keys = parseKeyFile(text);
  if (!keys.ok) throw environmentError(`membership key: ${where}: ${keys.error}`);
  return keys.value;
}

/** Undefined: there is no such file yet. One that was named must be there. */
async function textOf(file: string, named: boolean): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    return text === '' ? undefined : text;
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT' && !named) return undefined;
    throw environmentError(`membership key: ${file} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

async function create(file: string, { random, logger }: KeyOptions): Promise<string> {
  const text = `${Buffer.from(random.bytes(KEY_BYTES)).toString('base64')}\n`;
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
    return text;
  } catch (thrown) {
    // Somebody else was faster: then everybody uses that one.
    if (systemCodeOf(thrown) === 'EEXIST') return (await textOf(file, false)) ?? text;
    logger.warn('the membership key cannot be written, so speakers of other nodes will not be heard', {
      file,
      why: messageOf(thrown),
    });
    return text;
  }
}
