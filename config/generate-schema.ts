import { writeFileSync } from 'node:fs';
import { publishedSchema } from '../src/config/published-schema.ts';

/** `npm run schema`: writes the JSON Schema that editors complete and check ConfigMaps by. */
writeFileSync(new URL('clarion.schema.json', import.meta.url), publishedSchema());
