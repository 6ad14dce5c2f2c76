import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import {
  type KeyOptions,
  type KeySource,
  keyFile,
  membershipKeys,
  watchMembershipKeys,
} from '../../src/commands/membership-key.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const NEXT = Buffer.alloc(32, 2).toString('base64');
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A Secret whose answers the test gives: a text, nothing yet, or an error. */
function secret() {
  const state: { text: string | undefined; error: string | undefined } = { text: undefined, error: undefined };
  const source: KeySource = {
    where: 'Secret clarion-system/clarion-membership',
    read: async () => {
      if (state.error !== undefined) throw new Error(state.error);
      return state.text;
    },
    create: async (text) => (state.text ??= text),
    mayPass: true,
    lookAgain: ms(1000),
    lookForChange: ms(60_000),
  };
  return { state, source };
}

let clock: VirtualClock;
let logs: string[];
beforeEach(() => {
  clock = new VirtualClock();
  logs = [];
});
const options = (source: KeySource, mayCreate = false): KeyOptions => {
  const log = (message: string, fields: unknown): void => void logs.push(`${message} ${JSON.stringify(fields)}`);
  return {
    source,
    insecure: false,
    mayCreate,
    stopped: () => false,
    clock,
    random: seededRandom(1),
    logger: { ...silentLogger, info: log, warn: log },
  };
};

describe('a source that may come to itself', () => {
  it('is waited for, in one line for each reason, until there is a key that makes sense', async () => {
    const { state, source } = secret();
    const keys = membershipKeys(options(source));
    const wait = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await settle();
        clock.advance(1000);
      }
    };
    await wait();
    state.error = 'the API server is away';
    await wait();
    state.error = undefined;
    state.text = 'x';
    await wait();
    expect(logs.map((line) => /"why":"([^"]*)/.exec(line)?.[1])).toEqual([
      'the controller to make it',
      'the API server is away',
      expect.stringMatching(/^membership key: Secret .*: line 1 is not a key/),
    ]);
    state.text = `${KEY}\n`;
    await wait();
    expect(await keys).toHaveLength(1);
  });

  it('gets a key of 32 random octets from who may make it', async () => {
    const { state, source } = secret();
    const [key] = (await membershipKeys(options(source, true))) ?? [];
    expect(key?.secret).toHaveLength(32);
    expect(Buffer.from(state.text!, 'base64')).toHaveLength(32);
    expect(await membershipKeys(options(source, true))).toEqual([key]);
  });

  it('that goes away later leaves the keys in use, and another key is told', async () => {
    const { state, source } = secret();
    state.text = KEY;
    const changes: number[] = [];
    const stop = watchMembershipKeys(options(source), (keys) => changes.push(keys.length));
    const look = async (): Promise<void> => {
      await settle();
      clock.advance(60_000);
      await settle();
    };
    await look();
    state.text = undefined;
    await look();
    state.error = 'away';
    await look();
    await look();
    expect(changes).toEqual([]);
    expect(logs).toHaveLength(2);
    state.error = undefined;
    state.text = `${KEY}\n${NEXT}\n`;
    await look();
    expect(changes).toEqual([2]);
    stop();
    expect(clock.pending()).toEqual([]);
  });
});

describe('a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clarion-key-'));
    mkdirSync(join(folder, '.clarion'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('of the folder is made when absent, and kept', async () => {
    const made = await membershipKeys(options(keyFile(folder, undefined, silentLogger), true));
    expect(Buffer.from(readFileSync(join(folder, '.clarion', 'membership-key'), 'utf8'), 'base64')).toHaveLength(32);
    expect(await membershipKeys(options(keyFile(folder, undefined, silentLogger)))).toEqual(made);
  });

  it('that was named must be there, and make sense', async () => {
    const file = join(folder, 'key');
    const keys = () => membershipKeys(options(keyFile(folder, file, silentLogger), true));
    await expect(keys()).rejects.toThrow(/key cannot be read: ENOENT/);
    writeFileSync(file, 'x\n');
    await expect(keys()).rejects.toThrow(/line 1 is not a key/);
    writeFileSync(file, KEY);
    expect(await keys()).toHaveLength(1);
  });
});
