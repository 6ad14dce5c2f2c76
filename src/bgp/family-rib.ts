import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { type AttributeSet, AttributeSets } from './attribute-sets.ts';
import { emptyList, grown, IdLinks, type IdList } from './id-lists.ts';
import { type FillPrefixes, roomFor, type UpdatePacker } from './packing.ts';
import type { FamilyOutlet } from './path-attributes.ts';
import type { FamilyIndex } from './prefix-index.ts';
import type { Route } from './route.ts';

/** Octets of an IPv6 address and its length. */
const LARGEST_PREFIX = 17;
/** Of an IPv4 host route. */
const SMALLEST_HOST = 5;
/** The prefix waits in a list. */
const WAITING = 1;
/** It is to be told even if the router was told the same before: a refresh, or the first table of a session. */
const OWED = 2;

/**
 * What one router knows of one family, what it should know, and which prefixes wait to be told about. A prefix is known by its
 * number in the shared index. It waits in at most one list (the withdrawals, or those of the attributes that it is wanted
 * with), and is taken out again when what is wanted is what was told: however often it flaps while the router does not
 * read, it is one entry.
 */
export class FamilyRib {
  readonly #index: FamilyIndex;
  readonly #sets = new AttributeSets();
  readonly #links = new IdLinks();
  readonly #withdrawals: IdList = emptyList();
  /** Sets with prefixes that wait, in the order in which their turn comes: one message each. */
  readonly #turns = new Set<AttributeSet>();
  /** By prefix: the attribute set (0: none) that is wanted, and the one that the router was told. */
  #wanted = new Uint32Array(64);
  #told = new Uint32Array(64);
  #flags = new Uint8Array(64);
  /** One more than the highest number in use. */
  #end = 0;
  #wantedCount = 0;
  #toldCount = 0;
  #owedCount = 0;
  #waitingCount = 0;
  /** Of a resend: numbers from the first to before the second are still to be looked at. */
  #resendFrom = 0;
  #resendEnd = 0;
  /** Of prefixes on their way from one place to another; never kept. */
  readonly #batch = new Int32Array(256);
  /** Undefined while there is no session, or none that has the family. */
  #outlet: FamilyOutlet | undefined;

  constructor(index: FamilyIndex) {
    this.#index = index;
  }

  get family(): IpFamily {
    return this.#index.family;
  }
  get wantedCount(): number {
    return this.#wantedCount;
  }
  get toldCount(): number {
    return this.#toldCount;
  }
  /** The current resend is not over. */
  get owing(): boolean {
    return this.#owedCount > 0 || this.#resendFrom < this.#resendEnd;
  }
  /** Something waits to be announced or withdrawn. */
  get pending(): boolean {
    return this.#waitingCount > 0 || this.owing;
  }

  /** How many prefixes wait to be announced or withdrawn. */
  countWaiting(): number {
    let count = this.#waitingCount;
    for (let id = this.#resendFrom; id < this.#resendEnd; id++)
      if ((this.#flags[id]! & WAITING) === 0 && this.#tellable(id) !== 0) count++;
    return count;
  }

  /** Wanted from now on, with these attributes. Gives the number of the prefix. */
  set({ prefix, attributes }: Route): number {
    const id = this.#index.hold(prefix);
    this.#grow(id + 1);
    const before = this.#wanted[id]!;
    if (before !== 0 || this.#told[id] !== 0) this.#index.release(id);
    const set = this.#sets.of(attributes);
    if (before === set.id) return id;
    if (set.uses === 0) this.#prepare(set);
    set.uses++;
    this.#replaceWanted(id, set.id);
    return id;
  }

  /** Those of another family are not looked at. */
  remove(prefixes: readonly Prefix[]): void {
    const ids = this.#batch;
    for (let from = 0; from < prefixes.length; from += ids.length)
      this.#drop(ids, this.#index.find(prefixes, from, ids));
  }

  /** The whole truth. */
  want(routes: readonly Route[]): void {
    const ids = routes.map((route) => this.set(route));
    const named = new Uint8Array(this.#end);
    for (const id of ids) named[id] = 1;
    const dropped = this.#batch;
    let count = 0;
    for (let id = 0; id < this.#end; id++) {
      if (this.#wanted[id] === 0 || named[id] === 1) continue;
      dropped[count++] = id;
      if (count < dropped.length) continue;
      this.#drop(dropped, count);
      count = 0;
    }
    this.#drop(dropped, count);
  }

  /** A session has come that has this family; the router knows nothing. */
  open(outlet: FamilyOutlet): void {
    this.#outlet = outlet;
    for (const set of this.#sets.all()) this.#prepare(set);
    this.resend();
  }

  /**
   * Everything that is wanted is told once more, whatever was told before; withdrawals that wait still do. Prefixes are put
   * into the lists while messages are taken, so that the router has the first ones at once, also of a million.
   */
  resend(): void {
    this.#resendFrom = 0;
    this.#resendEnd = this.#end;
  }

  /** The next ones of a resend: as many as there is room for in the batch. */
  #resendMore(): void {
    const [wanted, flags, ids] = [this.#wanted, this.#flags, this.#batch];
    const end = Math.min(this.#resendFrom + ids.length, this.#resendEnd);
    let set: AttributeSet | undefined;
    let count = 0;
    for (let id = this.#resendFrom; id < end; id++) {
      const setId = wanted[id]!;
      if (setId === 0 || (flags[id]! & OWED) !== 0) continue;
      if (set?.id !== setId) {
        if (set !== undefined) this.#wait(set, ids, count);
        set = this.#sets.get(setId);
        count = 0;
      }
      if (set.room < LARGEST_PREFIX && this.#index.sizeOf(id) > set.room) continue;
      this.#owedCount++;
      if ((flags[id]! & WAITING) === 0) ids[count++] = id;
      flags[id] = OWED | WAITING;
    }
    if (set !== undefined) this.#wait(set, ids, count);
    this.#resendFrom = end;
  }

  #wait(set: AttributeSet, ids: Int32Array, count: number): void {
    if (count === 0) return;
    this.#links.appendAll(set.waiting, ids, count);
    this.#waitingCount += count;
    this.#turns.add(set);
  }

  /** The session is gone: nothing was told, nothing waits. */
  close(): void {
    this.#outlet = undefined;
    this.#flags.fill(0);
    const ids = this.#batch;
    let count = 0;
    for (let id = 0; id < this.#end; id++) {
      if (this.#told[id] === 0) continue;
      ids[count++] = id;
      if (count < ids.length) continue;
      this.#unsay(ids, count);
      count = 0;
    }
    this.#unsay(ids, count);
    for (const list of [this.#withdrawals, ...[...this.#sets.all()].map(({ waiting }) => waiting)])
      Object.assign(list, emptyList());
    this.#turns.clear();
    this.#owedCount = 0;
    this.#waitingCount = 0;
    this.#resendFrom = 0;
    this.#resendEnd = 0;
  }

  /** One message with as many withdrawals as fit; undefined: none wait. */
  nextWithdrawal(packer: UpdatePacker): Uint8Array | undefined {
    if (this.#withdrawals.length === 0 || this.#outlet === undefined) return undefined;
    return packer.withdrawal(this.family, this.#outlet.multiprotocol, this.#fill(this.#withdrawals, 0));
  }

  /** One message with as many prefixes as fit with the same attributes; undefined: none wait. */
  nextAnnouncement(packer: UpdatePacker): Uint8Array | undefined {
    let [set] = this.#turns;
    while (this.#resendFrom < this.#resendEnd && !fills(set)) {
      this.#resendMore();
      [set] = this.#turns;
    }
    if (set?.encoded === undefined) return undefined;
    // Those with other attributes come next, also when this list never ends.
    this.#turns.delete(set);
    this.#turns.add(set);
    const message = packer.announcement(set.encoded, this.#fill(set.waiting, set.id));
    if (set.waiting.length === 0) this.#turns.delete(set);
    return message;
  }

  /**
   * Takes prefixes from the front of a list: what is written is told. Here and where prefixes get into the lists a large table
   * spends its time, so it goes batch by batch through loops that call nothing: a process that has done nothing else before runs
   * those many times faster than a call for each prefix.
   */
  #fill(list: IdList, setId: number): FillPrefixes {
    return (target, start, limit) => {
      const ids = this.#batch;
      let at = start;
      while (list.length > 0) {
        const { end, count } = this.#index.write(ids, this.#links.first(list, ids), target, at, limit);
        at = end;
        if (count === 0) break;
        this.#links.removeFirst(list, count, ids[count - 1]!);
        this.#waitingCount -= count;
        if (setId === 0) this.#withdrawn(ids, count);
        else this.#announced(ids, count, setId);
      }
      return at;
    };
  }

  #announced(ids: Int32Array, count: number, setId: number): void {
    const [flags, told] = [this.#flags, this.#told];
    const set = this.#sets.get(setId);
    let owed = 0;
    let anew = 0;
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      if ((flags[id]! & OWED) !== 0) owed++;
      flags[id] = 0;
      if (told[id] === setId) continue;
      if (told[id] === 0) anew++;
      else this.#sets.release(told[id]!);
      told[id] = setId;
      set.uses++;
    }
    this.#owedCount -= owed;
    this.#toldCount += anew;
  }

  /** None of them is owed (#settle), but one or the other may be wanted, where no message can hold it. */
  #withdrawn(ids: Int32Array, count: number): void {
    const flags = this.#flags;
    for (let i = 0; i < count; i++) flags[ids[i]!] = 0;
    this.#unsay(ids, count);
  }

  /** The router does not have them any more; it was told of each. */
  #unsay(ids: Int32Array, count: number): void {
    const [wanted, told] = [this.#wanted, this.#told];
    let [set, uses, gone] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      if (told[id] !== set) {
        if (uses > 0) this.#sets.release(set, uses);
        [set, uses] = [told[id]!, 0];
      }
      uses++;
      told[id] = 0;
      if (wanted[id] === 0) ids[gone++] = id;
    }
    if (uses > 0) this.#sets.release(set, uses);
    this.#toldCount -= count;
    this.#index.releaseAll(ids, gone);
  }

  /** How many wanted prefixes the router cannot be told, though there is a session with the family. */
  untellableCount(): number {
    if (this.#outlet === undefined || [...this.#sets.all()].every(({ room }) => room >= LARGEST_PREFIX)) return 0;
    let count = 0;
    for (let id = 0; id < this.#end; id++) if (this.#wanted[id] !== 0 && this.#tellable(id) === 0) count++;
    return count;
  }

  #prepare(set: AttributeSet): void {
    if (this.#outlet === undefined) return;
    set.encoded = this.#outlet.encode(set.attributes);
    set.room = set.encoded === undefined ? 0 : roomFor(set.encoded, this.#outlet.maximumMessageSize);
  }

  /** Not wanted any more; those that were not wanted are not looked at. */
  #drop(ids: Int32Array, count: number): void {
    const [wanted, told, flags] = [this.#wanted, this.#told, this.#flags];
    const open = this.#outlet !== undefined;
    let [set, uses, withdrawn] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      if (id >= this.#end || wanted[id] === 0) continue;
      if (!open || told[id] === 0 || flags[id] !== 0) {
        this.#replaceWanted(id, 0);
        if (told[id] === 0) this.#index.release(id);
        continue;
      }
      // What #replaceWanted would do with a prefix that was told and does not wait.
      if (wanted[id] !== set) {
        if (uses > 0) this.#sets.release(set, uses);
        [set, uses] = [wanted[id]!, 0];
      }
      uses++;
      wanted[id] = 0;
      flags[id] = WAITING;
      ids[withdrawn++] = id;
    }
    if (uses > 0) this.#sets.release(set, uses);
    this.#wantedCount -= withdrawn;
    this.#waitingCount += withdrawn;
    this.#links.appendAll(this.#withdrawals, ids, withdrawn);
  }

  /** The new set's use is counted already. */
  #replaceWanted(id: number, setId: number): void {
    this.#unlink(id);
    const before = this.#wanted[id]!;
    this.#wanted[id] = setId;
    this.#wantedCount += Number(setId !== 0) - Number(before !== 0);
    this.#settle(id);
    if (before !== 0) this.#sets.release(before);
  }

  /** Puts the prefix, which is in no list, where it has to wait, if it has to. */
  #settle(id: number): void {
    if (this.#outlet === undefined) return;
    const due = this.#tellable(id);
    if (due === 0) this.#forgive(id);
    if (!this.#isOwed(id) && this.#saysTheSame(due, this.#told[id]!)) return;
    this.#flags[id]! |= WAITING;
    this.#waitingCount++;
    if (due === 0) this.#links.append(this.#withdrawals, id);
    else {
      const set = this.#sets.get(due);
      this.#links.append(set.waiting, id);
      if (set.waiting.length === 1) this.#turns.add(set);
    }
  }

  /** Sets may differ in what this router does not hear, as an external one does not hear LOCAL_PREF. */
  #saysTheSame(due: number, told: number): boolean {
    if (due === told) return true;
    if (due === 0 || told === 0) return false;
    const [one, other] = [this.#sets.get(due).encoded?.others, this.#sets.get(told).encoded?.others];
    return one !== undefined && other?.length === one.length && one.every((octet, i) => octet === other[i]);
  }

  /** The set that the router should be told; 0: none, because nothing is wanted or no message can hold it. */
  #tellable(id: number): number {
    const wanted = this.#wanted[id]!;
    if (wanted === 0) return 0;
    return this.#index.sizeOf(id) <= this.#sets.get(wanted).room ? wanted : 0;
  }

  #unlink(id: number): void {
    if ((this.#flags[id]! & WAITING) === 0) return;
    this.#flags[id]! &= ~WAITING;
    this.#waitingCount--;
    const due = this.#tellable(id);
    if (due === 0) {
      this.#links.remove(this.#withdrawals, id);
      return;
    }
    const set = this.#sets.get(due);
    this.#links.remove(set.waiting, id);
    if (set.waiting.length === 0) this.#turns.delete(set);
  }

  #isOwed(id: number): boolean {
    return (this.#flags[id]! & OWED) !== 0;
  }

  #forgive(id: number): void {
    if (!this.#isOwed(id)) return;
    this.#flags[id]! &= ~OWED;
    this.#owedCount--;
  }

  #grow(end: number): void {
    if (end <= this.#end) return;
    this.#end = end;
    this.#wanted = grown(this.#wanted, end);
    this.#told = grown(this.#told, end);
    this.#flags = grown(this.#flags, end);
    this.#links.grow(this.#wanted.length);
  }
}

/** With whatever else it will have: a message with these attributes would have no room left. */
const fills = (set: AttributeSet | undefined): boolean =>
  set !== undefined && set.waiting.length * SMALLEST_HOST >= set.room;
