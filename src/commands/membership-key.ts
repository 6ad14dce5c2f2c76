import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, ms } from '../base/clock.ts';
import { environmentError, messageOf, systemCodeOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type GroupKey, parseKeyFile } from '../membership/keys.ts';

/** How often a speaker looks whether the controller has made the key. */
const LOOK_AGAIN = ms(200);
const KEY_BYTES = 32;
/** For labs: what everybody knows protects nothing. */
const INSECURE = Buffer.from('clarion, insecure').toString('base64');

interface KeyOptions {
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
  const file = options.file ?? join(options.directory, '.clarion', 'membership-key');
  for (let told = false; !options.stopped(); told = true) {
    const text = await textOf(file, options.file !== undefined);
    if (text !== undefined) return keysIn(text, file);
    if (options.mayCreate) return keysIn(await create(file, options), file);
    if (!told) options.logger.info('waiting for the controller to make the membership key', { file });
    await new Promise<void>((resolve) => void options.clock.startTimer('membership key', LOOK_AGAIN, resolve));
  }
  return undefined;
}

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
