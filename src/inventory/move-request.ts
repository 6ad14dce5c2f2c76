import { formatIpAddress, parseIpAddress } from '../base/ip-address.ts';
import { type FieldReader, shown } from './field-reader.ts';
import type { MoveRequest } from './service-request.ts';

/** On a Service: that another node takes over an address of it. */
export const MOVE_ANNOTATION = 'clarion.dev/move-to';

/** A node name is a DNS subdomain, so the first comma ends it. */
const FORM = /^([^,\s]+),term=(0|[1-9]\d{0,14})(?:,address=([^,\s]+))?$/;

export function readMoveRequest(annotations: FieldReader): MoveRequest | undefined {
  const text = annotations.text(MOVE_ANNOTATION)?.trim();
  if (text === undefined || text === '') return undefined;
  const [, node, term, addressText] = FORM.exec(text) ?? [];
  if (node === undefined || term === undefined) {
    annotations.complain(MOVE_ANNOTATION, `is ignored: it must be NODE,term=N, not ${shown(text)}`);
    return undefined;
  }
  if (addressText === undefined) return { node, term: Number(term), address: undefined };
  const address = parseIpAddress(addressText);
  if (address.ok) return { node, term: Number(term), address: address.value };
  annotations.complain(MOVE_ANNOTATION, `is ignored: ${address.error}`);
  return undefined;
}

export const formatMoveRequest = ({ node, term, address }: MoveRequest): string =>
  `${node},term=${term}${address === undefined ? '' : `,address=${formatIpAddress(address)}`}`;
