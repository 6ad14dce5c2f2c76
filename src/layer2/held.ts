import { compact } from '../base/compact.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { ConflictState, ConflictTimer, Rival } from './conflict.ts';
import type { InterfaceChoice } from './interface-choice.ts';
import type { LinkDriver } from './link/driver.ts';
import type { Layer2AddressReport, Layer2Entry } from './table.ts';

/** An address of the table, with all that the driver knows of it. */
export interface Held {
  readonly address: IpAddress;
  entry: Layer2Entry;
  choice: InterfaceChoice;
  presences: Presence[];
  /** Undefined: there is no interface for it. */
  conflict: ConflictState | undefined;
  /** Found free since it came into the table, or in use by us before: not probed for (again). */
  known: boolean;
  /** What was reported last. */
  reported: Layer2AddressReport['state'] | undefined;
  /** Those that run. */
  timers: readonly HeldTimer[];
}

/** Where an address and an interface meet: what a responder looks up, and what the schedule announces. */
export interface Presence {
  readonly address: IpAddress;
  readonly held: Held;
  readonly link: LinkDriver<Presence>;
  answering: boolean;
  /** A probe of it waits for its turn. */
  probing: boolean;
}

/** A timer of the conflict rules: one object for each, so that it is a key. */
export interface HeldTimer {
  readonly held: Held;
  readonly timer: ConflictTimer;
}

export const newHeld = (entry: Layer2Entry): Held => ({
  address: entry.address,
  entry,
  choice: { interfaces: [], guessed: false },
  presences: [],
  conflict: undefined,
  known: !entry.probe,
  reported: undefined,
  timers: compact([]),
});

export function timerOf(held: Held, timer: ConflictTimer): HeldTimer {
  const known = held.timers.find((one) => one.timer === timer);
  if (known !== undefined) return known;
  const made = { held, timer };
  held.timers = compact([...held.timers, made]);
  return made;
}

/** It has expired. Returns whose it was. */
export function endTimer(key: HeldTimer): Held {
  const { held } = key;
  held.timers = compact(held.timers.filter((one) => one !== key));
  return held;
}

/** Of all that run, none is due any more. */
export function stopTimers(held: Held, due: { delete(key: HeldTimer): void }): void {
  for (const key of held.timers) due.delete(key);
  held.timers = compact([]);
}

/** Who has the address instead of us, or besides us. */
export function rivalOf(state: ConflictState | undefined): Rival | undefined {
  return state === undefined || state.kind === 'clear' || state.kind === 'announced' ? undefined : state.rival;
}

/** True while the address is ours to answer for. */
export const isAnnounced = (state: ConflictState | undefined): boolean =>
  state?.kind === 'announced' || state?.kind === 'defending';

export function reportOf({ address, choice, conflict, presences }: Held): Layer2AddressReport {
  if (conflict === undefined) return { address, state: { kind: 'no-interface' } };
  const rival = rivalOf(conflict);
  if (rival !== undefined) return { address, state: { kind: 'conflict', ...rival, defending: isAnnounced(conflict) } };
  if (conflict.kind === 'probing') return { address, state: { kind: 'probing' } };
  if (conflict.kind === 'clear') return { address, state: { kind: 'prepared' } };
  const interfaces = presences.map(({ link }) => link.name);
  const guessed = choice.guessed ? ({ guessed: true } as const) : {};
  return { address, state: { kind: 'announced', interfaces, ...guessed } };
}

/** Of those that changed since they were reported last, and which now count as reported. */
export function newReports(changed: Iterable<Held>): readonly Layer2AddressReport[] {
  const reports: Layer2AddressReport[] = [];
  for (const held of changed) {
    const report = reportOf(held);
    if (sameReport(held.reported, report.state)) continue;
    held.reported = report.state;
    reports.push(report);
  }
  return reports;
}

function sameReport(a: Layer2AddressReport['state'] | undefined, b: Layer2AddressReport['state']): boolean {
  if (a?.kind === 'announced' && b.kind === 'announced')
    return a.guessed === b.guessed && sameNames(a.interfaces, b.interfaces);
  if (a?.kind === 'conflict' && b.kind === 'conflict')
    return a.mac === b.mac && a.interface === b.interface && a.defending === b.defending;
  return a?.kind === b.kind;
}

export const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
