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
  /** Of prefixes on their way into a message; a message has several. */
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
  /** Prefixes of the current resend that were not told yet. */
  get owedCount(): number {
    return this.#owedCount;
  }
  /** Prefixes that wait to be announced or withdrawn. */
  get waitingCount(): number {
    return this.#waitingCount;
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

  remove(prefix: Prefix): void {
    const id = this.#index.find(prefix);
    if (id !== undefined && id < this.#end && this.#wanted[id] !== 0) this.#drop(id);
  }

  /** The whole truth. */
  want(routes: readonly Route[]): void {
    const named = new Set<number>();
    for (const route of routes) named.add(this.set(route));
    for (let id = 0; id < this.#end; id++) if (this.#wanted[id] !== 0 && !named.has(id)) this.#drop(id);
  }

  /** A session has come that has this family; the router knows nothing. */
  open(outlet: FamilyOutlet): void {
    this.#outlet = outlet;
    for (const set of this.#sets.all()) this.#prepare(set);
    this.resend();
  }

  /** Everything that is wanted is told once more, whatever was told before. Withdrawals that wait still do. */
  resend(): void {
    let set: AttributeSet | undefined;
    for (let id = 0; id < this.#end; id++) {
      const wanted = this.#wanted[id]!;
      const flags = this.#flags[id]!;
      if (wanted === 0 || (flags & OWED) !== 0) continue;
      if (set?.id !== wanted) set = this.#sets.get(wanted);
      if (this.#index.sizeOf(id) > set.room) continue;
      this.#owedCount++;
      this.#flags[id] = OWED | WAITING;
      if ((flags & WAITING) !== 0) continue;
      this.#waitingCount++;
      this.#links.append(set.waiting, id);
      if (set.waiting.length === 1) this.#turns.add(set);
    }
  }

  /** The session is gone: nothing was told, nothing waits. */
  close(): void {
    this.#outlet = undefined;
    for (let id = 0; id < this.#end; id++) {
      this.#flags[id] = 0;
      this.#tell(id, 0);
    }
    for (const list of [this.#withdrawals, ...[...this.#sets.all()].map(({ waiting }) => waiting)])
      Object.assign(list, emptyList());
    this.#turns.clear();
    this.#owedCount = 0;
    this.#waitingCount = 0;
  }

  /** One message with as many withdrawals as fit; undefined: none wait. */
  nextWithdrawal(packer: UpdatePacker): Uint8Array | undefined {
    if (this.#withdrawals.length === 0 || this.#outlet === undefined) return undefined;
    return packer.withdrawal(this.family, this.#outlet.multiprotocol, this.#fill(this.#withdrawals, 0));
  }

  /** One message with as many prefixes as fit with the same attributes; undefined: none wait. */
  nextAnnouncement(packer: UpdatePacker): Uint8Array | undefined {
    const [set] = this.#turns;
    if (set?.encoded === undefined) return undefined;
    // Those with other attributes come next, also when this list never ends.
    this.#turns.delete(set);
    this.#turns.add(set);
    const message = packer.announcement(set.encoded, this.#fill(set.waiting, set.id));
    if (set.waiting.length === 0) this.#turns.delete(set);
    return message;
  }

  /**
   * Takes prefixes from the front of a list: what is written is told. The time that a large table takes is spent here and in
   * `resend`, so what can be done once for many prefixes is.
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
        this.#written(ids, count, setId);
      }
      return at;
    };
  }

  #written(ids: Int32Array, count: number, setId: number): void {
    const [flags, told] = [this.#flags, this.#told];
    let owed = 0;
    let anew = 0;
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      if ((flags[id]! & OWED) !== 0) owed++;
      flags[id] = 0;
      if (told[id] === 0) {
        told[id] = setId;
        anew++;
      } else if (told[id] !== setId) this.#tell(id, setId);
    }
    this.#owedCount -= owed;
    this.#toldCount += anew;
    if (anew > 0) this.#sets.get(setId).uses += anew;
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

  #drop(id: number): void {
    this.#replaceWanted(id, 0);
    if (this.#told[id] === 0) this.#index.release(id);
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

  #tell(id: number, setId: number): void {
    const before = this.#told[id]!;
    if (before === setId) return;
    this.#told[id] = setId;
    this.#toldCount += Number(setId !== 0) - Number(before !== 0);
    if (setId !== 0) this.#sets.get(setId).uses++;
    if (before !== 0) this.#sets.release(before);
    if (setId === 0 && this.#wanted[id] === 0) this.#index.release(id);
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
