import { type Decoded, decoded, malformed } from '../../src/base/decoded.ts';
import { compareIpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import type { Neighbour, NeighbourNetwork, NeighbourWatch, NetworkError } from '../../src/network/ports.ts';

/** Neighbour tables in memory. A change is told before the call that makes it returns. */
export class FakeNeighbours implements NeighbourNetwork {
  /** Interfaces on which somebody solicited, or advertised, in order. */
  readonly solicited: string[] = [];
  readonly advertised: string[] = [];
  /** Of each interface that there is. */
  readonly #tables = new Map<string, readonly Neighbour[]>();
  readonly #watches = new Set<{ readonly interfaceName: string; readonly changed: () => void }>();

  addInterface(name: string): void {
    this.#tables.set(name, []);
  }
  /** Its watches show nothing any more, also when an interface of that name is added again. */
  removeInterface(name: string): void {
    this.#tables.delete(name);
    for (const watch of [...this.#watches]) if (watch.interfaceName === name) watch.changed();
    for (const watch of this.#watches) if (watch.interfaceName === name) this.#watches.delete(watch);
  }

  /** Adds it, or replaces the one with its address. */
  set(name: string, neighbour: Neighbour): void {
    this.#change(name, (table) => [
      ...table.filter(({ address }) => !sameIpAddress(address, neighbour.address)),
      neighbour,
    ]);
  }
  remove(name: string, neighbour: Pick<Neighbour, 'address'>): void {
    this.#change(name, (table) => table.filter(({ address }) => !sameIpAddress(address, neighbour.address)));
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  watchNeighbours(interfaceName: string, changed: () => void): Decoded<NeighbourWatch, NetworkError> {
    const gone: NetworkError = { code: 'ENODEV', message: `cannot watch the neighbours of ${interfaceName}: ENODEV` };
    if (!this.#tables.has(interfaceName)) return malformed(gone);
    const watch = { interfaceName, changed: () => changed() };
    this.#watches.add(watch);
    const alive = (): boolean => this.#watches.has(watch) && this.#tables.has(interfaceName);
    const tell = (log: string[]) => (): NetworkError | undefined => {
      if (!alive()) return gone;
      log.push(interfaceName);
      return undefined;
    };
    return decoded({
      list: () => (alive() ? (this.#tables.get(interfaceName) ?? EMPTY) : EMPTY),
      solicit: tell(this.solicited),
      advertise: tell(this.advertised),
      close: () => void this.#watches.delete(watch),
    });
  }

  #change(name: string, change: (table: readonly Neighbour[]) => readonly Neighbour[]): void {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`there is no interface ${name}`);
    this.#tables.set(
      name,
      change(table).toSorted((a, b) => compareIpAddress(a.address, b.address)),
    );
    for (const watch of [...this.#watches]) if (watch.interfaceName === name) watch.changed();
  }
}

const EMPTY: readonly Neighbour[] = [];
