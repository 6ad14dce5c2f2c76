import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ExitCode, environmentError, messageOf, usageError } from '../base/errors.ts';
import type { IpFamily } from '../base/ip-address.ts';
import { bfdJson } from '../bfd/packet-json.ts';
import { SINGLE_HOP_TTL } from '../bfd/wire/constants.ts';
import { messageJson } from '../bgp/message-json.ts';
import type { PeerType } from '../bgp/wire/message.ts';
import { arpJson, type FrameJson, ndpJson } from '../layer2/frame-json.ts';

/** What a capture of the message alone does not tell. */
interface DecodeOptions {
  readonly ttl: number;
  readonly multihop?: true;
  readonly minimumTtl?: number;
  readonly as4: boolean;
  readonly addPath: readonly IpFamily[];
  readonly extendedMessage?: true;
  readonly extendedNextHop?: true;
  readonly peerType: PeerType;
}

/** One message of the protocol as a JSON value; with the key `error` where it breaks a rule. */
type Decoder = (message: Uint8Array, options: DecodeOptions) => FrameJson;

const DECODERS: Readonly<Record<string, Decoder>> = {
  arp: arpJson,
  ndp: ndpJson,
  bfd: (message, { ttl, multihop, minimumTtl }) =>
    bfdJson(message, { ttl, leastTtl: multihop === true ? (minimumTtl ?? DEFAULT_MINIMUM_TTL) : SINGLE_HOP_TTL }),
  bgp: (message, { as4, addPath, extendedMessage = false, extendedNextHop = false, peerType }) =>
    messageJson(message, {
      as4,
      addPath: { ipv4: addPath.includes('ipv4'), ipv6: addPath.includes('ipv6') },
      extendedMessage,
      extendedNextHop,
      peerType,
    }),
};
const PEER_TYPES: readonly PeerType[] = ['internal', 'external', 'confederation'];
/** That of a BFD profile. */
const DEFAULT_MINIMUM_TTL = 254;

/** Digits of a message as people paste them; a name with other characters can only be a file. */
const HEX_TEXT = /^[0-9a-fA-F:\s]*(#.*)?$/;
/** More than any message of these protocols: an Ethernet frame with the largest IP packet. */
const MESSAGE_LIMIT = 65_549;

export function register(program: Command): void {
  program
    .command('decode')
    .description('show captured messages as JSON, one object a line')
    .argument('<protocol>', 'arp or ndp (whole Ethernet frames), bfd (UDP payloads), bgp (whole messages)')
    .argument('<input>', 'hex digits, a file, or - for standard input: one message a line; colons, blanks, # comments')
    .option('--ttl <n>', 'bfd: the TTL or hop limit that it came with', octet, SINGLE_HOP_TTL)
    .option('--multihop', 'bfd: the session goes over several hops (RFC 5883)')
    .option('--minimum-ttl <n>', `bfd: the least TTL of a multihop session (default: ${DEFAULT_MINIMUM_TTL})`, octet)
    .option('--as4 <boolean>', 'bgp: AS numbers of four octets were agreed (RFC 6793)', yesOrNo, true)
    .option(
      '--add-path <families>',
      'bgp: ipv4, ipv6 or both with a comma have path identifiers (RFC 7911)',
      families,
      [],
    )
    .option('--extended-message', 'bgp: messages up to 65,535 octets were agreed (RFC 8654)')
    .option('--extended-next-hop', 'bgp: IPv6 next hops of IPv4 prefixes were agreed (RFC 8950)')
    .addOption(
      new Option('--peer-type <type>', 'bgp: what the sender is to us').choices(PEER_TYPES).default('external'),
    )
    .addHelpText('after', '\nExit code 0 when all messages could be read, 1 when one was in error.')
    .action(decode);
}

async function decode(protocol: string, input: string, options: DecodeOptions): Promise<void> {
  const decoder = Object.hasOwn(DECODERS, protocol) ? DECODERS[protocol] : undefined;
  if (decoder === undefined) throw usageError(unknownProtocol(protocol));
  if (options.minimumTtl !== undefined && options.multihop !== true)
    throw usageError('--minimum-ttl is for --multihop: a single hop has TTL 255 (RFC 5881 §5)');
  for await (const line of linesOf(input)) {
    const hex = line.replace(/#.*$/, '').replace(/[\s:]/g, '');
    if (hex === '') continue;
    const message = bytesOfHex(hex);
    const shown = typeof message === 'string' ? { error: { handling: 'ignore', message } } : decoder(message, options);
    if ('error' in shown) process.exitCode = ExitCode.problems;
    if (!(await print(`${JSON.stringify(shown)}\n`))) return;
  }
}

function octet(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 255) throw new InvalidArgumentError('It must be a number from 0 to 255.');
  return value;
}

function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

function families(text: string): readonly IpFamily[] {
  return text.split(',').map((name) => {
    if (name !== 'ipv4' && name !== 'ipv6') throw new InvalidArgumentError('It must be ipv4, ipv6, or ipv4,ipv6.');
    return name;
  });
}

function unknownProtocol(protocol: string): string {
  return `"${protocol}" is no protocol that can be decoded; this version decodes ${Object.keys(DECODERS).join(', ')}`;
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
