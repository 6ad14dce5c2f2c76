import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { ExitCode, environmentError, messageOf, usageError } from '../base/errors.ts';
import { arpJson, type FrameJson, ndpJson } from '../layer2/frame-json.ts';

/** One message of the protocol as a JSON value; with the key `error` where it breaks a rule. */
type Decoder = (message: Uint8Array) => FrameJson;

const DECODERS: Readonly<Record<string, Decoder>> = { arp: arpJson, ndp: ndpJson };
const LATER = ['bgp', 'bfd'];

/** Digits of a message as people paste them; a name with other characters can only be a file. */
const HEX_TEXT = /^[0-9a-fA-F:\s]*(#.*)?$/;
/** More than any message of these protocols: an Ethernet frame with the largest IP packet. */
const MESSAGE_LIMIT = 65_549;

export function register(program: Command): void {
  program
    .command('decode')
    .description('show captured messages as JSON, one object a line')
    .argument('<protocol>', `${Object.keys(DECODERS).join(' or ')} (whole Ethernet frames)`)
    .argument('<input>', 'hex digits, a file, or - for standard input: one message a line; colons, blanks, # comments')
    .addHelpText('after', '\nExit code 0 when all messages could be read, 1 when one was in error.')
    .action(decode);
}

async function decode(protocol: string, input: string): Promise<void> {
  const decoder = Object.hasOwn(DECODERS, protocol) ? DECODERS[protocol] : undefined;
  if (decoder === undefined) throw usageError(unknownProtocol(protocol));
  for await (const line of linesOf(input)) {
    const hex = line.replace(/#.*$/, '').replace(/[\s:]/g, '');
    if (hex === '') continue;
    const message = bytesOfHex(hex);
    const shown = typeof message === 'string' ? { error: { handling: 'ignore', message } } : decoder(message);
    if ('error' in shown) process.exitCode = ExitCode.problems;
    if (!(await print(`${JSON.stringify(shown)}\n`))) return;
  }
}

function unknownProtocol(protocol: string): string {
  const known = `this version decodes ${Object.keys(DECODERS).join(' and ')}`;
  return LATER.includes(protocol)
    ? `decode ${protocol} comes with a later version; ${known}`
    : `"${protocol}" is no protocol that can be decoded; ${known}`;
}

async function* linesOf(input: string): AsyncGenerator<string> {
  const source = sourceOf(input);
  try {
    yield* createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (thrown) {
    throw environmentError(`cannot read ${input === '-' ? 'standard input' : input}: ${messageOf(thrown)}`, thrown);
  }
}

function sourceOf(input: string): Readable {
  if (input === '-') return process.stdin;
  if (existsSync(input)) return createReadStream(input);
  if (input.split('\n').every((line) => HEX_TEXT.test(line))) return Readable.from([input]);
  throw environmentError(`"${input}" is neither hex digits nor a file that exists`);
}

/** The bytes, or what is wrong with the digits. */
function bytesOfHex(hex: string): Uint8Array | string {
  const wrong = /[^0-9a-fA-F]/u.exec(hex);
  if (wrong !== null) return `${JSON.stringify(wrong[0])} is not a hex digit`;
  if (hex.length % 2 !== 0) return `${hex.length} hex digits are no whole number of bytes: one is missing`;
  if (hex.length > MESSAGE_LIMIT * 2) return `${hex.length / 2} bytes are more than a message can have`;
  return Buffer.from(hex, 'hex');
}

/** False when nobody reads any more (a pipe to `head`, say). */
function print(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => resolve(error === null || error === undefined));
  });
}
