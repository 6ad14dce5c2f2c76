/**
 * The YAML that nearly every manifest is written in, read ten times as fast as by the whole parser: block mappings and
 * sequences, plain words and numbers, simple quotes. Anything else (flow collections, block scalars, anchors, tags, comments behind
 * a value, several lines to a scalar, all faults) makes it give up, and the whole parser decides. So it only
 * ever says what that one would say; a property test holds it to this.
 */
export interface PlainYaml {
  readonly value: Readonly<Record<string, unknown>>;
  /** 0-based line, and column, of the first key. */
  readonly line: number;
  readonly column: number;
}

interface Line {
  readonly number: number;
  indent: number;
  text: string;
}

const NOT_PLAIN = Symbol('not plain');
const DEEPEST = 30;
const KEY = /^([A-Za-z_][A-Za-z0-9_./-]*):(?: +(.+))?$/;
/** In YAML they are no strings, or mean something in JavaScript. */
const SPECIAL = /^(?:null|true|false|__proto__)$/i;

export function readPlainYaml(text: string): PlainYaml | undefined {
  const lines = contentLines(text);
  const first = lines?.[0];
  if (lines === undefined || first === undefined || startsItem(first)) return undefined;
  const { indent, number } = first;
  const reader = new Reader(lines);
  try {
    const value = reader.mapping(indent, 0);
    return reader.atEnd ? { value, line: number, column: indent + 1 } : undefined;
  } catch (thrown) {
    if (thrown === NOT_PLAIN) return undefined;
    throw thrown;
  }
}

/** The lines that say something; undefined where a character is in it that this reader does not know. */
function contentLines(text: string): Line[] | undefined {
  if (!/^[\n\x20-\x7e]*$/.test(text)) return undefined;
  const lines: Line[] = [];
  let number = -1;
  for (const whole of text.split('\n')) {
    number++;
    const trimmed = whole.trim();
    if (trimmed === '' || trimmed.startsWith('#') || (number === 0 && whole === '---')) continue;
    if (/^(?:---|\.\.\.|%)/.test(whole)) return undefined;
    lines.push({ number, indent: whole.length - whole.trimStart().length, text: trimmed });
  }
  return lines;
}

const startsItem = ({ text }: Line): boolean => text === '-' || text.startsWith('- ');

class Reader {
  readonly #lines: readonly Line[];
  #at = 0;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  get atEnd(): boolean {
    return this.#at === this.#lines.length;
  }

  mapping(indent: number, depth: number): Record<string, unknown> {
    const mapping: Record<string, unknown> = {};
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      const match = line.indent === indent ? KEY.exec(line.text) : null;
      const key = match?.[1];
      if (key === undefined || depth > DEEPEST || SPECIAL.test(key) || Object.hasOwn(mapping, key)) throw NOT_PLAIN;
      this.#at++;
      mapping[key] = match?.[2] === undefined ? this.#below(indent, true, depth) : scalar(match[2]);
    }
    return mapping;
  }

  #sequence(indent: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      if (line.indent !== indent || depth > DEEPEST) throw NOT_PLAIN;
      if (!startsItem(line)) break;
      items.push(this.#item(line, depth));
    }
    // Without the room to grow, which is most of what a short list weighs.
    return items.slice();
  }

  #item(line: Line, depth: number): unknown {
    const rest = line.text.slice(1).trimStart();
    if (rest === '') {
      this.#at++;
      return this.#below(line.indent, false, depth);
    }
    if (!KEY.test(rest) && !startsItem({ ...line, text: rest })) {
      this.#at++;
      return scalar(rest);
    }
    // A block that begins behind the hyphen: as if it stood on a line of its own.
    line.indent += line.text.length - rest.length;
    line.text = rest;
    return startsItem(line) ? this.#sequence(line.indent, depth + 1) : this.mapping(line.indent, depth + 1);
  }

  /** What follows a key or a hyphen with nothing behind it. The items of a key may stand as far left as the key. */
  #below(indent: number, underKey: boolean, depth: number): unknown {
    const line = this.#lines[this.#at];
    if (line === undefined || line.indent < indent) return null;
    const isItem = startsItem(line);
    if (line.indent === indent) return underKey && isItem ? this.#sequence(indent, depth + 1) : null;
    if (isItem) return this.#sequence(line.indent, depth + 1);
    return KEY.test(line.text) ? this.mapping(line.indent, depth + 1) : giveUp();
  }
}

function giveUp(): never {
  throw NOT_PLAIN;
}

const known = new Map<string, string>();
const MOST_KNOWN = 1000;

/**
 * One string for each text that is often the same (TCP, EndpointSlice, a namespace), and a copy of every other: a part of
 * a text keeps the whole text in memory.
 */
function own(text: string): string {
  const same = known.get(text);
  if (same !== undefined) return same;
  const copy = Buffer.from(text, 'latin1').toString('latin1');
  if (known.size < MOST_KNOWN && !/\d\d/.test(text)) known.set(copy, copy);
  return copy;
}

/** YAML 1.2.2 §10.3.2 (core schema), as far as it is sure. */
function scalar(text: string): unknown {
  const quoted = /^"([^"\\]*)"$/.exec(text) ?? /^'([^']*)'$/.exec(text);
  if (quoted?.[1] !== undefined) return own(quoted[1]);
  if (text === '{}') return {};
  if (text === '[]') return [];
  if (!/^[A-Za-z0-9/_][A-Za-z0-9 _./:+@=,()-]*$/.test(text) || text.includes(': ') || text.endsWith(':')) giveUp();
  if (/^[A-Za-z/_]/.test(text)) {
    if (!SPECIAL.test(text)) return own(text);
    return /^(?:true|True|TRUE)$/.test(text) ? true : /^(?:false|False|FALSE)$/.test(text) ? false : giveUp();
  }
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  // An address, a prefix, a time; what is left could be a number in one of many forms.
  return /[:/]|\..*\./.test(text) ? own(text) : giveUp();
}
