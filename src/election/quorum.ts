/**
 * Whether this member hears more than half of those with whom it last agreed on who is a member. If not, its claims are
 * weak: the other side of a partition may have the better right.
 *
 * The agreed ones grow at once and shrink late: whoever dies counts on until the membership was quiet for a while and most
 * were heard, or a partition would look like a series of single deaths. Who says goodbye, or whose Node is gone, counts no more.
 */
export class Quorum {
  readonly #self: string;
  readonly #agreed: Set<string>;
  readonly #living = new Set<string>();
  #nodes: ReadonlySet<string> = new Set();

  constructor(self: string) {
    this.#self = self;
    this.#agreed = new Set([self]);
    this.#living.add(self);
  }

  /** Half or fewer are heard; alone among one is all. */
  get weak(): boolean {
    let heard = 0;
    for (const node of this.#agreed) if (this.#living.has(node)) heard++;
    return heard * 2 <= this.#agreed.size;
  }

  /** Others should be there and none is. */
  get alone(): boolean {
    return this.#living.size === 1 && (this.#agreed.size > 1 || this.expectsOthers);
  }

  /** There is another Node, or at least another member. */
  get expectsOthers(): boolean {
    return this.#living.size > 1 || this.others().length > 0;
  }

  /** All other Nodes. */
  others(): readonly string[] {
    return [...this.#nodes].filter((node) => node !== this.#self);
  }

  listed(nodes: ReadonlySet<string>): void {
    this.#nodes = nodes;
    for (const node of this.#agreed) if (!nodes.has(node) && !this.#living.has(node)) this.#agreed.delete(node);
  }

  joined(node: string): void {
    this.#living.add(node);
    this.#agreed.add(node);
  }

  lost(node: string, goodbye: boolean): void {
    this.#living.delete(node);
    if (goodbye) this.#agreed.delete(node);
  }

  /**
   * At the start, when nothing was agreed yet. Who hears nobody, or was taken in by members that hear half or fewer, counts
   * every Node: it may be on the smaller side of a partition.
   */
  begin(amongStrong: boolean): void {
    if (this.#living.size > 1 && amongStrong) return;
    for (const node of this.#nodes) this.#agreed.add(node);
  }

  /** The membership was quiet for long: those who are there are all. */
  agree(): void {
    if (this.weak) return;
    this.#agreed.clear();
    for (const node of this.#living) this.#agreed.add(node);
  }
}
