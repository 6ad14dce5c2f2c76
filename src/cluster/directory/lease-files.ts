import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemCodeOf } from '../../base/errors.ts';
import type { LeaseRecord, LeaseStore } from '../ports.ts';
import { fileNameOf } from './file-name.ts';
import { isMapping } from './identify.ts';
import { createFile, setAside } from './state-files.ts';

/**
 * Leases as files that are written once: `leases/NAME/1.json`, `2.json`, ... and the one with the highest number counts.
 * To write, a process makes the file after the one that it read; link(2) lets one of several succeed. The winner removes the
 * files before its own, so a slow process may find its number free again: it then sees a higher one beside it, takes its
 * own back, and has a conflict. The highest is never removed, so nobody can mistake an old file for the last one.
 */
export class LeaseFiles implements LeaseStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(name: string): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined> {
    const folder = this.#folderOf(name);
    for (const number of numbersIn(folder)) {
      const path = fileIn(folder, number);
      try {
        const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
        if (isLeaseRecord(record)) return { record, version: String(number) };
        setAside(path);
      } catch (thrown) {
        // Between the list and the read its successor came, and it went.
        if (systemCodeOf(thrown) === 'ENOENT') return this.read(name);
        if (!(thrown instanceof SyntaxError)) throw thrown;
        setAside(path);
      }
    }
    return undefined;
  }

  async write(name: string, record: LeaseRecord, version: string | undefined): Promise<'written' | 'conflict'> {
    const folder = this.#folderOf(name);
    const highest = numbersIn(folder)[0];
    if (version === undefined && highest !== undefined) return 'conflict';
    const next = Number(version ?? 0) + 1;
    if (highest !== undefined && highest >= next) return 'conflict';
    if (!createFile(fileIn(folder, next), `${JSON.stringify(record)}\n`)) return 'conflict';
    const numbers = numbersIn(folder);
    if (numbers[0] !== next) {
      rmSync(fileIn(folder, next), { force: true });
      return 'conflict';
    }
    for (const old of numbers.slice(1)) rmSync(fileIn(folder, old), { force: true });
    return 'written';
  }

  #folderOf(name: string): string {
    return join(this.#folder, fileNameOf(name));
  }
}

const fileIn = (folder: string, number: number): string => join(folder, `${number}.json`);

/** Descending. */
function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^([1-9]\d{0,14})\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

const isLeaseRecord = (value: unknown): value is LeaseRecord =>
  isMapping(value) &&
  ['holder', 'acquired', 'renewed'].every((key) => typeof value[key] === 'string') &&
  ['durationSeconds', 'transitions'].every((key) => typeof value[key] === 'number');
