import { isFields } from '../base/fields.ts';

/** A condition of a Service as it stands in its status. */
export interface DatedCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** lastTransitionTime. */
  readonly since?: string | undefined;
}

/** Ours only; what somebody else wrote there in another form is left out. */
export function conditionsOf(body: Readonly<Record<string, unknown>>): readonly DatedCondition[] {
  const { status } = body;
  const all = isFields(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  return all.flatMap((one: unknown) => {
    if (!isFields(one) || !text(one['type']).startsWith('clarion.dev/')) return [];
    const since = text(one['lastTransitionTime']) || undefined;
    return [
      {
        type: text(one['type']),
        status: text(one['status']),
        reason: text(one['reason']),
        message: text(one['message']),
        since,
      },
    ];
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
