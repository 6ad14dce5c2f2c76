/**
 * One to four changes of the kind that finds bugs in decoders. `roll` gives a number below its argument. The header's length
 * is made right again three times of four, so that most of what is found lies behind it.
 */
export function mutated(bytes: Uint8Array, roll: (sides: number) => number): Uint8Array {
  let changed = [...bytes];
  for (let changes = 1 + roll(4); changes > 0; changes--) changed = change(changed, roll);
  if (roll(4) > 0 && changed.length >= 19) {
    changed[16] = changed.length >> 8;
    changed[17] = changed.length & 0xff;
  }
  return Uint8Array.from(changed.slice(0, 65_535));
}

const BOUNDARIES = [0, 1, 2, 3, 4, 5, 0x10, 0x20, 0x21, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xd0, 0xfe, 0xff];

function change(bytes: number[], roll: (sides: number) => number): number[] {
  if (bytes.length < 20) return [...bytes, roll(256)];
  const body = bytes.length - 19;
  const at = 19 + roll(body);
  const length = 1 + roll(Math.min(16, bytes.length - at));
  switch (roll(8)) {
    case 0:
      return bytes.with(at, bytes[at]! ^ (1 << roll(8)));
    case 1:
      return bytes.with(at, BOUNDARIES[roll(BOUNDARIES.length)]!);
    case 2:
      return bytes.with(at, (bytes[at]! + (roll(2) === 0 ? 1 : 255)) & 0xff);
    case 3:
      return bytes.toSpliced(at, length);
    case 4: // a part of it twice: attributes repeated
      return bytes.toSpliced(at, 0, ...bytes.slice(at, at + length));
    case 5:
      return bytes.toSpliced(at, 0, ...Array.from({ length }, () => roll(256)));
    case 6: {
      const part = bytes.slice(at, at + length);
      const rest = bytes.toSpliced(at, length);
      return rest.toSpliced(19 + roll(rest.length - 18), 0, ...part);
    }
    default:
      return bytes.slice(0, at);
  }
}
