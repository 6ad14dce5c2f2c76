import type { BpfInstruction } from '../../src/network/ports.ts';

/**
 * Classic BPF as the kernel runs it on a received frame, so that filter programs are tested without a kernel.
 * Of the ancillary loads (SKF_AD_OFF) only "was there a VLAN tag", always no: a tag that the kernel would have taken off is
 * still in the frame here. The others end the program like any load out of bounds.
 * Standards: McCanne and Jacobson, "The BSD Packet Filter"; Linux Documentation/networking/filter.rst.
 */

const MAX_INSTRUCTIONS = 4096; // BPF_MAXINSNS
const SCRATCH_WORDS = 16;
const VLAN_TAG_PRESENT = 0xfffff000 + 48; // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT

const classOf = (code: number): number => code & 0x07;
const [LD, LDX, ST, STX, ALU, JMP, RET, MISC] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const [WORD, HALF, BYTE] = [0x00, 0x08, 0x10] as const;
const [IMM, ABS, IND, MEM, LEN, MSH] = [0x00, 0x20, 0x40, 0x60, 0x80, 0xa0] as const;
const [DIV, LSH, RSH, NEG, MOD] = [0x30, 0x60, 0x70, 0x80, 0x90] as const;
const ALU_OPERATIONS = [0x00, 0x10, 0x20, DIV, 0x40, 0x50, LSH, RSH, MOD, 0xa0];
const JA = 0x05;
const JUMP_OPERATIONS = [0x10, 0x20, 0x30, 0x40];
const X_OPERAND = 0x08;
const ALL_WORDS = 0xffff;

/** What the kernel refuses with EINVAL when a program is attached; undefined: it takes it. */
export function faultOfProgram(program: readonly BpfInstruction[]): string | undefined {
  if (program.length === 0) return 'the program is empty';
  if (program.length > MAX_INSTRUCTIONS) return `the program has more than ${MAX_INSTRUCTIONS} instructions`;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    const left = program.length - at - 1;
    if (!isKnown(code)) return `instruction ${at}: unknown code 0x${code.toString(16)}`;
    if (![jt, jf].every((jump) => Number.isInteger(jump) && jump >= 0 && jump <= 255))
      return `instruction ${at}: a jump is not an octet`;
    if (!Number.isInteger(k) || k < 0 || k > 0xffffffff) return `instruction ${at}: k is not an unsigned 32-bit number`;
    if (classOf(code) === JMP && (code === JA ? k >= left : jt >= left || jf >= left))
      return `instruction ${at}: it jumps past the end`;
    if ((code === (ALU | DIV) || code === (ALU | MOD)) && k === 0) return `instruction ${at}: division by zero`;
    if ((code === (ALU | LSH) || code === (ALU | RSH)) && k >= 32) return `instruction ${at}: it shifts too far`;
    if ((code === (LD | MEM) || code === (LDX | MEM) || code === ST || code === STX) && k >= SCRATCH_WORDS)
      return `instruction ${at}: no such scratch word`;
  }
  if (classOf(program.at(-1)!.code) !== RET) return 'the last instruction does not return';
  return faultOfScratch(program);
}

/** A scratch word may be read only where every way to the instruction has written it. */
function faultOfScratch(program: readonly BpfInstruction[]): string | undefined {
  const writtenAt = program.map(() => ALL_WORDS);
  let written = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    written &= writtenAt[at]!;
    if (code === ST || code === STX) written |= 1 << k;
    else if ((code === (LD | MEM) || code === (LDX | MEM)) && (written & (1 << k)) === 0)
      return `instruction ${at}: it reads a scratch word that may not have been written`;
    else if (classOf(code) === JMP) {
      for (const jump of code === JA ? [k] : [jt, jf]) writtenAt[at + 1 + jump]! &= written;
      written = ALL_WORDS;
    }
  }
  return undefined;
}

function isKnown(code: number): boolean {
  switch (classOf(code)) {
    case LD:
      return (
        [ABS, IND].some((mode) => [WORD, HALF, BYTE].some((size) => code === (LD | size | mode))) ||
        [LD | IMM, LD | MEM, LD | LEN].includes(code)
      );
    case LDX:
      return [LDX | IMM, LDX | MEM, LDX | LEN, LDX | MSH | BYTE].includes(code);
    case ALU:
      return code === (ALU | NEG) || ALU_OPERATIONS.some((operation) => (code & ~X_OPERAND) === (ALU | operation));
    case JMP:
      return code === JA || JUMP_OPERATIONS.some((operation) => (code & ~X_OPERAND) === (JMP | operation));
    case RET:
      return code === RET || code === (RET | 0x10);
    case MISC:
      return code === MISC || code === (MISC | 0x80);
    default:
      return code === ST || code === STX;
  }
}

/** How many bytes of the frame the program lets through; 0: the frame is dropped. The program has no fault. */
export function runProgram(program: readonly BpfInstruction[], frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const scratch = new Uint32Array(SCRATCH_WORDS);
  let a = 0;
  let x = 0;
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = program[at]!;
    switch (classOf(code)) {
      case LD:
      case LDX: {
        const value = load(code, k, x, view, scratch);
        if (value === undefined) return 0;
        if (classOf(code) === LD) a = value;
        else x = value;
        break;
      }
      case ST:
        scratch[k] = a;
        break;
      case STX:
        scratch[k] = x;
        break;
      case ALU: {
        const operand = (code & X_OPERAND) === 0 ? k : x;
        if (operand === 0 && ((code & 0xf0) === DIV || (code & 0xf0) === MOD)) return 0;
        a = calculate(code & 0xf0, a, operand);
        break;
      }
      case JMP:
        at += code === JA ? k : compare(code & 0xf0, a, (code & X_OPERAND) === 0 ? k : x) ? jt : jf;
        break;
      case RET:
        return Math.min(code === RET ? k : a, frame.length);
      default:
        if (code === MISC) x = a;
        else a = x;
    }
  }
}

function load(code: number, k: number, x: number, view: DataView, scratch: Uint32Array): number | undefined {
  switch (code & 0xe0) {
    case IMM:
      return k;
    case MEM:
      return scratch[k];
    case LEN:
      return view.byteLength;
    case MSH:
      return k < view.byteLength ? (view.getUint8(k) & 0x0f) * 4 : undefined;
    default: {
      if ((code & 0xe0) === ABS && k === VLAN_TAG_PRESENT) return 0;
      const offset = (code & 0xe0) === IND ? (k + x) >>> 0 : k;
      const size = (code & 0x18) === WORD ? 4 : (code & 0x18) === HALF ? 2 : 1;
      if (offset + size > view.byteLength) return undefined;
      return size === 4 ? view.getUint32(offset) : size === 2 ? view.getUint16(offset) : view.getUint8(offset);
    }
  }
}

function calculate(operation: number, a: number, operand: number): number {
  switch (operation) {
    case 0x00:
      return (a + operand) >>> 0;
    case 0x10:
      return (a - operand) >>> 0;
    case 0x20:
      return Math.imul(a, operand) >>> 0;
    case DIV:
      return Math.floor(a / operand);
    case 0x40:
      return (a | operand) >>> 0;
    case 0x50:
      return (a & operand) >>> 0;
    case LSH:
      return (a << operand) >>> 0;
    case RSH:
      return a >>> operand;
    case NEG:
      return -a >>> 0;
    case MOD:
      return a % operand;
    default:
      return (a ^ operand) >>> 0;
  }
}

function compare(operation: number, a: number, operand: number): boolean {
  switch (operation) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a > operand;
    case 0x30:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}
