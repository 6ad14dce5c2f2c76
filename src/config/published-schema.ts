import * as z from 'zod';
import { configSchema } from './schema.ts';

/** The text of config/clarion.schema.json: what an editor can know. References, overlaps and times are for `clarion validate`. */
export function publishedSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }), undefined, 2)}\n`;
}
